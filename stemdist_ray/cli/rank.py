"""``stemdist rank``: the options of a ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.cli.options import (
    GraphKindOption,
    GraphOption,
    SetOption,
    SourceArgument,
    StreamingOption,
    TrackingOption,
    assignments,
    drop_unset,
    text_of_default,
)
from stemdist_ray.config import RankConfig, merge_layers
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.progress import output_console

_DEFAULTS = RankConfig()


def rank(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder written by distill.")],
    source: SourceArgument,
    configs: Annotated[
        Path | None,
        typer.Option(
            help="YAML file: a list of configurations (forecaster, learning_rate, width, name, "
            "set), or a grid of the first three.  [default: 24 that are built in]"
        ),
    ] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(
            help="What ranks them, with commas between."
            + text_of_default(",".join(_DEFAULTS.trained_on))
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(help="network_alone or with_base." + text_of_default(_DEFAULTS.track)),
    ] = None,
    finalists: Annotated[
        int | None,
        typer.Option(
            help="How many of the best by validation a search would train fully in the end, to "
            "choose among them." + text_of_default(_DEFAULTS.finalists)
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Epochs of K subset steps on all but full data." + text_of_default(100)),
    ] = None,
    full_epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes of full training at most.  [default: evaluation.full_data_epochs of DIR]"
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(help="Seeds per configuration and training data." + text_of_default(1)),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Ray actors that train; 0 = serial, no Ray.  [default: as DIR was distilled]"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the ranking.  [default: as DIR was distilled]")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the result to this JSON file.")
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="YAML file as jobs/rank.py takes it.")
    ] = None,
    graph: GraphOption = None,
    graph_kind: GraphKindOption = None,
    settings: SetOption = None,
    streaming: StreamingOption = False,
    tracking_uri: TrackingOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Move an earlier ranking of DIR aside first.")
    ] = False,
) -> None:
    """Rank configurations by short trainings on DIR and its rivals, and check by full training.

    Trainings are kept in DIR/rank as they end: the same command goes on where it stopped.
    """
    from stemdist_ray.cli.files import RankFile
    from stemdist_ray.cli.rank_jobs import read_configurations, run_rank

    names = None if trained_on is None else [name.strip() for name in trained_on.split(",")]
    flags: dict[str, Any] = {
        "source": source,
        "out": folder,
        "config": {
            "seed": seed,
            "evaluation": {
                "epochs": epochs,
                "repeats": repeats,
                "full_data_epochs": full_epochs,
                "graph": graph,
                "graph_kind": graph_kind,
            },
            "streaming": streaming or None,
            "tracking": {"uri": tracking_uri},
            "worker": {"num_workers": workers},
        },
        "rank": {"trained_on": names, "track": track, "finalists": finalists},
        "overwrite": overwrite or None,
        "json_file": json_file,
    }
    listed = {"rank": read_configurations(configs)} if configs is not None else {}
    one_by_one = {"config": assignments(settings)}
    tree = merge_layers(read_yaml(config_file), drop_unset(flags), listed, one_by_one)
    run_rank(RankFile.parse(tree), output_console())
