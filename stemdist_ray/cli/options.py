"""Options that several commands share, and their defaults as the configuration has them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.config import (
    PRESETS,
    DataConfig,
    DistillConfig,
    build_config,
    flatten,
    parse_assignments,
)


@cache
def _settings(preset: str) -> dict[str, Any]:
    return flatten(build_config(preset).model_dump(mode="json"))


def default_of(setting: str, none: str = "none") -> str:
    """The end of a help text: the default of a setting, and of presets that have another.

    Args:
        setting: Dotted name.
        none: What it means when the default is null.
    """
    first = _settings("standard")[setting]
    others = [
        f"{preset}: {_text(_settings(preset)[setting], none)}"
        for preset in PRESETS
        if _settings(preset)[setting] != first
    ]
    listed = f"; {', '.join(others)}" if others else ""
    return f"  [default: {_text(first, none)}{listed}]"


def text_of_default(value: Any, none: str = "none") -> str:
    """The end of a help text for a default that does not depend on the preset."""
    return f"  [default: {_text(value, none)}]"


def _text(value: Any, none: str) -> str:
    return none if value is None or value == [] else str(value)


SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A path, demo, or sim:traffic?locations=300,...")
]
MissingOption = Annotated[
    list[float] | None,
    typer.Option(
        "--missing-value",
        help="Reading that means 'missing'; may be repeated." + default_of("data.missing_values"),
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
LookbackOption = Annotated[
    int | None,
    typer.Option("--lookback", help="Input steps per window." + default_of("data.lookback")),
]
HorizonOption = Annotated[
    int | None,
    typer.Option("--horizon", help="Target steps per window." + default_of("data.horizon")),
]
SeasonOption = Annotated[
    int | None,
    typer.Option("--season", help="Steps per season, for sources without time stamps."),
]
PresetOption = Annotated[
    str, typer.Option("--preset", help=f"Settings to start from: {', '.join(PRESETS)}.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file with settings that override the preset.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting by its name, e.g. seed=1; may be repeated."),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="MLflow store.  [default: MLFLOW_TRACKING_URI, else mlflow.db beside the run]",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Move an existing --out aside first.")
]


def data_layer(
    missing: list[float] | None,
    start: str | None,
    step: str | None,
    locations: Path | None,
    lookback: int | None = None,
    horizon: int | None = None,
    season: int | None = None,
) -> dict[str, Any]:
    """Data settings as a layer; options that were not given are left out."""
    layer = {
        "missing_values": missing or None,
        "start": start,
        "sampling_step": step,
        "locations_file": None if locations is None else str(locations),
        "lookback": lookback,
        "horizon": horizon,
        "season": season,
    }
    return drop_unset(layer)


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
    """The layer that --set options make, for a distillation."""
    return parse_assignments(settings or [], DistillConfig)
