"""The ``stemdist`` command. It parses, calls the pipeline and prints; nothing else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stemdist_ray.cli_options import (
    ConfigOption,
    LocationsOption,
    MissingOption,
    PresetOption,
    SetOption,
    SourceArgument,
    StartOption,
    StepOption,
    TrackingOption,
    assignments,
    data_config,
    data_layer,
    drop_unset,
)
from stemdist_ray.cli_tune import tune
from stemdist_ray.errors import ConfigError
from stemdist_ray.exits import exit_codes, prepare_process
from stemdist_ray.progress import output_console
from stemdist_ray.yaml_files import read_yaml


class _Commands(TyperGroup):
    """Turns domain errors and interruptions of any command into a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; 2 = bad input, 130 = interrupted."""
        with exit_codes():
            return super().invoke(ctx)


app = typer.Typer(
    name="stemdist",
    cls=_Commands,
    help="Distil spatio-temporal data sets, compressed in time and in space.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
console = output_console()
app.command()(tune)


@app.command()
def describe(
    source: SourceArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    missing: MissingOption = None,
    start: StartOption = None,
    step: StepOption = None,
    locations: LocationsOption = None,
) -> None:
    """Read SOURCE and say what it holds."""
    from stemdist_ray.data.statistics import series_statistics
    from stemdist_ray.files import finite
    from stemdist_ray.pipeline.inputs import read_input
    from stemdist_ray.tables import description_lines

    job = read_input(source, data_config(missing, start, step, locations))
    tree = {**job.description, "statistics": series_statistics(job.series)}
    if as_json:
        typer.echo(json.dumps(finite(tree), indent=2))
        return
    for line in description_lines(tree):
        typer.echo(line)


@app.command()
def forecasters(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List the forecasters that --forecaster takes."""
    from stemdist_ray.forecasters import describe_forecasters
    from stemdist_ray.tables import forecaster_table

    tree = describe_forecasters()
    if as_json:
        typer.echo(json.dumps(tree, indent=2))
        return
    console.print(forecaster_table(tree))


@app.command()
def convert(
    source: SourceArgument,
    dest: Annotated[
        Path, typer.Argument(metavar="DEST", help="File to write; its ending chooses the format.")
    ],
    missing: MissingOption = None,
    start: StartOption = None,
    step: StepOption = None,
    locations: LocationsOption = None,
) -> None:
    """Read SOURCE and write it to DEST (.csv .parquet .npz .h5 .nc .zarr .arrow, or a folder)."""
    from stemdist_ray.data.source import read_series
    from stemdist_ray.data.writers import write_series

    series = read_series(source, data_config(missing, start, step, locations))
    write_series(series, dest)
    typer.echo(
        f"wrote {dest}: {series.num_steps} steps x {series.num_locations} locations x "
        f"{series.num_features} features"
    )


@app.command()
def distill(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder of the distilled data set.")],
    preset: PresetOption = "standard",
    config_file: ConfigOption = None,
    settings: SetOption = None,
    spatial_ratio: Annotated[
        float | None,
        typer.Option(help="Synthetic locations / real ones, 0 to 1.  [default: 0.1]"),
    ] = None,
    temporal_ratio: Annotated[
        float | None,
        typer.Option(help="Synthetic windows / real train windows, 0 to 1.  [default: 0.05]"),
    ] = None,
    shards: Annotated[
        int | None, typer.Option(help="Shards per round; part of the algorithm.  [default: 4]")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Ray actors; 0 = serial, no Ray.  [default: as many as fit]"),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Outer rounds.  [default: 10]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.  [default: 0]")] = None,
    lookback: Annotated[
        int | None, typer.Option(help="Input steps per window.  [default: 12]")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Target steps per window.  [default: 12]")
    ] = None,
    forecaster: Annotated[
        str | None, typer.Option(help="Surrogate forecaster.  [default: mtgnn]")
    ] = None,
    tracking_uri: TrackingOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Move an existing --out aside first.")
    ] = False,
    missing: MissingOption = None,
    start: StartOption = None,
    step: StepOption = None,
    locations: LocationsOption = None,
) -> None:
    """Distil SOURCE into the folder --out."""
    from stemdist_ray.jobs import DistillJob, run_distill

    flags: dict[str, Any] = {
        "spatial_ratio": spatial_ratio,
        "temporal_ratio": temporal_ratio,
        "num_shards": shards,
        "rounds": rounds,
        "seed": seed,
        "worker": {"num_workers": workers},
        "tracking": {"uri": tracking_uri},
        "forecaster": {"name": forecaster},
        "data": {"lookback": lookback, "horizon": horizon}
        | data_layer(missing, start, step, locations),
    }
    job = DistillJob(
        source=source,
        out=out,
        preset=preset,
        layers=(read_yaml(config_file), drop_unset(flags), assignments(settings)),
        resume=resume,
        overwrite=overwrite,
    )
    run_distill(job, console)


@app.command()
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
        typer.Option(help="Epochs of K subset steps.  [default: that of the data set's preset]"),
    ] = None,
    repeats: Annotated[int | None, typer.Option(help="Seeds per row.  [default: 3]")] = None,
    full_data: Annotated[
        bool, typer.Option("--full-data", help="Also train on all data to convergence (slow).")
    ] = False,
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
            "distilled data, one on the others.  [default: fair]"
        ),
    ] = None,
    settings: SetOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Train forecasters on DIR and on the alternatives, and compare them on SOURCE."""
    from stemdist_ray.jobs import EvaluateJob, run_evaluate

    several = forecaster is not None and (forecaster == "all" or "," in forecaster)
    flags: dict[str, Any] = {
        "forecaster": {"name": None if several else forecaster},
        "evaluation": {"epochs": epochs, "repeats": repeats, "protocol": protocol},
        "tracking": {"uri": tracking_uri},
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
    run_evaluate(job, console)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run or a sweep.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="HTML file.  [default: DIR/report.html]")
    ] = None,
) -> None:
    """Write an HTML report of a run or a sweep in DIR, with pictures."""
    from stemdist_ray.pipeline.report_job import report_run
    from stemdist_ray.report.sweep import is_sweep, write_sweep_report

    write = write_sweep_report if is_sweep(folder) else report_run
    typer.echo(f"wrote {write(folder, output)}")


@app.command()
def ui(
    folder: Annotated[
        Path, typer.Argument(metavar="[RUNS]", help="Folder that holds the runs.")
    ] = Path("runs"),
    tracking_uri: TrackingOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5000,
) -> None:
    """Open the MLflow UI on the tracking store of RUNS."""
    from stemdist_ray.config import TrackingConfig
    from stemdist_ray.tracking.mlflow import tracking_uri as resolve

    uri = resolve(TrackingConfig(uri=tracking_uri), folder)
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise ConfigError(
            f"no tracking store at {uri}; run stemdist distill first, or name the folder of the "
            "runs or a --tracking-uri"
        )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    typer.echo(f"MLflow UI of {uri} at http://{host}:{port} (Ctrl-C stops it)")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    os.execv(sys.executable, [*command, "--host", host, "--port", str(port), "--workers", "1"])


def main() -> None:
    """Entry point of the ``stemdist`` command."""
    prepare_process()
    app()


if __name__ == "__main__":
    main()
