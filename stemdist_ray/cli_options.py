"""Options that several commands of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.config import DataConfig, build_config, parse_assignments

SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A path, demo, or sim:traffic?locations=300,...")
]
MissingOption = Annotated[
    list[float] | None,
    typer.Option(
        "--missing-value", help="Reading that means 'missing'; may be repeated.  [default: none]"
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option("--start", help="Time of the first step, for sources without time stamps."),
]
StepOption = Annotated[
    str | None,
    typer.Option("--sampling-step", help="Time between steps, e.g. 5min or 1h; with --start."),
]
LocationsOption = Annotated[
    Path | None,
    typer.Option("--locations", help="CSV with a location id and two coordinates per row."),
]
PresetOption = Annotated[
    str, typer.Option("--preset", help="Settings to start from: standard, paper or demo.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings that override the preset.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, e.g. matching.steps=5; may be repeated."),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="MLflow store.  [default: MLFLOW_TRACKING_URI, else mlflow.db beside the run]",
    ),
]


def data_layer(
    missing: list[float] | None, start: str | None, step: str | None, locations: Path | None
) -> dict[str, Any]:
    """Data settings as a layer; options that were not given are left out."""
    layer: dict[str, Any] = {}
    if missing:
        layer["missing_values"] = missing
    if start is not None:
        layer["start"] = start
    if step is not None:
        layer["sampling_step"] = step
    if locations is not None:
        layer["locations_file"] = str(locations)
    return layer


def data_config(
    missing: list[float] | None, start: str | None, step: str | None, locations: Path | None
) -> DataConfig:
    """Data settings for commands that only read a source."""
    layer = {"data": data_layer(missing, start, step, locations)}
    return build_config("standard", layer).data


def drop_unset(tree: dict[str, Any]) -> dict[str, Any]:
    """Leave out options that were not given."""
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            value = drop_unset(value) or None
        if value is not None:
            kept[key] = value
    return kept


def assignments(settings: list[str] | None) -> dict[str, Any]:
    """The layer that --set options make."""
    return parse_assignments(settings or [])
