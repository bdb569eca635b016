"""Options that several commands share, and their defaults as the configuration has them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.config import (
    PRESETS,
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
LookbackOption = Annotated[
    int | None,
    typer.Option("--lookback", help="Input steps per window." + default_of("data.lookback")),
]
HorizonOption = Annotated[
    int | None,
    typer.Option("--horizon", help="Target steps per window." + default_of("data.horizon")),
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
StreamingOption = Annotated[
    bool, typer.Option("--streaming", help="For series larger than memory.")
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="MLflow store.  [default: MLFLOW_TRACKING_URI, else mlflow.db beside the run]",
    ),
]
GraphOption = Annotated[
    str | None,
    typer.Option(
        "--graph",
        help="Graph of the locations, for forecasters that take one: edges or a matrix, .npz, "
        ".npy or .csv.  [default: none; they learn their own]",
    ),
]
GraphKindOption = Annotated[
    str | None,
    typer.Option(
        "--graph-kind", help="What it holds: weights or distances.  [default: as its names tell]"
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Move an existing --out aside first.")
]


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
