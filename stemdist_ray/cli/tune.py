"""``stemdist tune``: the options of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.cli.options import (
    OverwriteOption,
    SetOption,
    SourceArgument,
    StreamingOption,
    TrackingOption,
    assignments,
    default_of,
    drop_unset,
    text_of_default,
)
from stemdist_ray.cli.source_options import reads_source
from stemdist_ray.config import PRESETS, merge_layers
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.progress import output_console
from stemdist_ray.sweeps.config import SearchConfig

_SEARCH = SearchConfig()


@reads_source()
def tune(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder of the sweep.")],
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config", help="YAML file with preset, config (of the trials) and search settings."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"Preset of the trials: {', '.join(PRESETS)}." + text_of_default("standard")
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Points tried." + text_of_default(_SEARCH.trials))
    ] = None,
    concurrent: Annotated[
        int | None,
        typer.Option(
            help="Trials at a time." + text_of_default(_SEARCH.concurrent, "as many as fit")
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="spatial ratio x temporal ratio of every trial: search the balance only."
        ),
    ] = None,
    searcher: Annotated[
        str | None,
        typer.Option(help="random, grid, tpe or nsga2." + text_of_default(_SEARCH.searcher)),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="asha, median or none." + text_of_default(_SEARCH.scheduler)),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Ray actors per trial; 0 = none."
            + default_of("worker.num_workers", "as many as fit")
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of trials and search." + text_of_default(_SEARCH.seed)),
    ] = None,
    settings: SetOption = None,
    streaming: StreamingOption = False,
    tracking_uri: TrackingOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep in --out, as it was begun.")
    ] = False,
    overwrite: OverwriteOption = False,
    *,
    data: dict[str, Any],
) -> None:
    """Search compression ratios and settings for SOURCE, many distillations, into --out."""
    from stemdist_ray.cli.files import TuneFile
    from stemdist_ray.cli.tune_jobs import run_tune

    flags: dict[str, Any] = {
        "source": source,
        "out": out,
        "preset": preset,
        "config": {
            "seed": seed,
            "worker": {"num_workers": workers},
            "streaming": streaming or None,
            "tracking": {"uri": tracking_uri},
            "data": data,
        },
        "search": {
            "trials": trials,
            "concurrent": concurrent,
            "budget": budget,
            "searcher": searcher,
            "scheduler": scheduler,
            "seed": seed,
        },
    }
    switches = {"resume": resume or None, "overwrite": overwrite or None}
    one_by_one = {"config": assignments(settings)}
    tree = merge_layers(read_yaml(config_file), drop_unset({**flags, **switches}), one_by_one)
    run_tune(TuneFile.parse(tree), output_console())
