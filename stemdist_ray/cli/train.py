"""``stemdist train``: the options of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.cli.options import (
    GraphKindOption,
    GraphOption,
    HorizonOption,
    LookbackOption,
    OverwriteOption,
    SetOption,
    SourceArgument,
    StreamingOption,
    TrackingOption,
    drop_unset,
    text_of_default,
)
from stemdist_ray.cli.source_options import reads_source
from stemdist_ray.config import TrainConfig, merge_layers, parse_assignments
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.progress import output_console

_DEFAULTS = TrainConfig()


@reads_source()
def train(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder of the trained forecaster.")],
    distilled: Annotated[
        Path | None,
        typer.Option(
            "--distilled",
            help="Folder of a distilled data set to train on.  [default: all train windows]",
        ),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="YAML file as jobs/train.py takes it.")
    ] = None,
    settings: SetOption = None,
    forecaster: Annotated[
        str | None,
        typer.Option(help="What to train." + text_of_default(_DEFAULTS.forecaster.name)),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the train windows." + text_of_default(_DEFAULTS.training.epochs)
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Ray Train workers; 0 = this process, no Ray."
            + text_of_default(_DEFAULTS.worker.num_workers)
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of weights, order, dropout." + text_of_default(_DEFAULTS.seed)),
    ] = None,
    streaming: StreamingOption = False,
    register_as: Annotated[
        str | None, typer.Option(help="Name in MLflow's model registry.  [default: none]")
    ] = None,
    graph: GraphOption = None,
    graph_kind: GraphKindOption = None,
    lookback: LookbackOption = None,
    horizon: HorizonOption = None,
    tracking_uri: TrackingOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out, if any.")
    ] = False,
    overwrite: OverwriteOption = False,
    *,
    data: dict[str, Any],
) -> None:
    """Train a forecaster on SOURCE, or on its distilled data, and test it once."""
    from stemdist_ray.cli.files import TrainFile
    from stemdist_ray.cli.train_jobs import run_train

    flags: dict[str, Any] = {
        "source": source,
        "out": out,
        "distilled": distilled,
        "register_as": register_as,
        "resume": resume or None,
        "overwrite": overwrite or None,
        "config": {
            "seed": seed,
            "streaming": streaming or None,
            "forecaster": {"name": forecaster},
            "training": {"epochs": epochs, "graph": graph, "graph_kind": graph_kind},
            "worker": {"num_workers": workers},
            "tracking": {"uri": tracking_uri},
            "data": {**data, "lookback": lookback, "horizon": horizon},
        },
    }
    one_by_one = {"config": parse_assignments(settings or [], TrainConfig)}
    tree = merge_layers(read_yaml(config_file), drop_unset(flags), one_by_one)
    run_train(TrainFile.parse(tree), output_console())
