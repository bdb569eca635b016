"""``stemdist distill``: the options of a distillation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.cli.options import (
    ConfigOption,
    HorizonOption,
    LookbackOption,
    OverwriteOption,
    PresetOption,
    SetOption,
    SourceArgument,
    StreamingOption,
    TrackingOption,
    assignments,
    default_of,
    drop_unset,
)
from stemdist_ray.cli.source_options import reads_source
from stemdist_ray.config import DistillConfig, typed_layer
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import output_console


@reads_source()
def distill(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder of the distilled data set.")],
    preset: PresetOption = "standard",
    config_file: ConfigOption = None,
    settings: SetOption = None,
    spatial_ratio: Annotated[
        float | None,
        typer.Option(help="Synthetic locations / real ones, 0 to 1." + default_of("spatial_ratio")),
    ] = None,
    temporal_ratio: Annotated[
        float | None,
        typer.Option(
            help="Synthetic windows / real train windows, 0 to 1." + default_of("temporal_ratio")
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Synthetic entries / real ones, e.g. 0.005, in place of the two ratios: a cheap "
            "proxy picks them for the data (other methods: evenly, or windows alone)."
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="What makes the data set; stemdist methods lists them." + default_of("method")
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(help="Shards per round; part of the algorithm." + default_of("num_shards")),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Ray actors; 0 = serial, no Ray."
            + default_of("worker.num_workers", "as many as fit")
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Outer rounds." + default_of("rounds"))] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run." + default_of("seed"))] = None,
    lookback: LookbackOption = None,
    horizon: HorizonOption = None,
    forecaster: Annotated[
        str | None, typer.Option(help="Surrogate forecaster." + default_of("forecaster.name"))
    ] = None,
    graph: Annotated[str | None, typer.Option("--graph", hidden=True)] = None,
    streaming: StreamingOption = False,
    tracking_uri: TrackingOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --out, if any.")
    ] = False,
    overwrite: OverwriteOption = False,
    *,
    data: dict[str, Any],
) -> None:
    """Distil SOURCE into the folder --out."""
    from stemdist_ray.cli.jobs import DistillJob, run_distill

    if budget is not None and (spatial_ratio is not None or temporal_ratio is not None):
        raise ConfigError(
            "--budget picks both ratios; give it, or --spatial-ratio and --temporal-ratio"
        )
    if graph is not None:
        raise ConfigError(
            f"distill uses no graph, found --graph {graph}: surrogates and teachers learn their "
            "own; give it to stemdist evaluate or train, where it serves distilled data as well"
        )
    flags: dict[str, Any] = {
        "budget": budget,
        "spatial_ratio": spatial_ratio,
        "temporal_ratio": temporal_ratio,
        "method": method,
        "num_shards": shards,
        "rounds": rounds,
        "seed": seed,
        "worker": {"num_workers": workers},
        "streaming": streaming or None,
        "tracking": {"uri": tracking_uri},
        "forecaster": {"name": forecaster},
        "data": {**data, "lookback": lookback, "horizon": horizon},
    }
    file_layer = typed_layer(read_yaml(config_file), DistillConfig)
    job = DistillJob(
        source=source,
        out=out,
        preset=preset,
        layers=(file_layer, drop_unset(flags), assignments(settings)),
        resume=resume,
        overwrite=overwrite,
    )
    run_distill(job, output_console())
