"""``stemdist evaluate``: the options of an evaluation."""

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
    default_of,
    drop_unset,
)
from stemdist_ray.progress import output_console


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder written by distill.")],
    source: SourceArgument,
    forecaster: Annotated[
        str | None,
        typer.Option(
            help="Evaluator; several with commas between, or all, give the cross-architecture "
            "table.  [default: the surrogate of the data set]"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs of K subset steps, as DIR was distilled with unless given."
            + default_of("evaluation.epochs")
        ),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Seeds per row." + default_of("evaluation.repeats"))
    ] = None,
    full_data: Annotated[
        bool, typer.Option("--full-data", help="Also train on all data to convergence (slow).")
    ] = False,
    zero_shot: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Also ask a pre-trained forecaster that is installed: fracast, another entry "
            "point, or module:object.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the table to this JSON file.")
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", help="Also write the table of several forecasters as CSV."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="fair: equal optimiser steps for every row; paper: K steps per epoch on the "
            "distilled data, one on the others." + default_of("evaluation.protocol")
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Ray actors that train; 0 = serial, no Ray.  [default: as DIR was distilled]"
        ),
    ] = None,
    graph: GraphOption = None,
    graph_kind: GraphKindOption = None,
    settings: SetOption = None,
    streaming: StreamingOption = False,
    tracking_uri: TrackingOption = None,
) -> None:
    """Train forecasters on DIR and on the alternatives, and compare them on SOURCE."""
    from stemdist_ray.cli.jobs import EvaluateJob, run_evaluate

    several = forecaster is not None and (forecaster == "all" or "," in forecaster)
    flags: dict[str, Any] = {
        "forecaster": {"name": None if several else forecaster},
        "evaluation": {
            "epochs": epochs,
            "repeats": repeats,
            "protocol": protocol,
            "graph": graph,
            "graph_kind": graph_kind,
            "zero_shot": zero_shot,
        },
        "streaming": streaming or None,
        "tracking": {"uri": tracking_uri},
        "worker": {"num_workers": workers},
    }
    job = EvaluateJob(
        folder=folder,
        source=source,
        layers=(drop_unset(flags), assignments(settings)),
        forecasters=tuple(n.strip() for n in (forecaster or "").split(",")) if several else None,
        full_data=full_data,
        json_file=json_file,
        csv_file=csv_file,
    )
    run_evaluate(job, output_console())
