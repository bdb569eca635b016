"""Configurations that earlier releases wrote down, read as those of this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemdist_ray.config.layers import merge_layers

# Options of the library's forecasters that had other names in artifacts of schema version 1.
_OPTIONS: dict[str, dict[str, str]] = {
    "dlinear": {"kernel": "kernel_size"},
    "graph_wavenet": {"taps": "kernel_size"},
    "stgcn": {"taps": "kernel_size"},
    "stnorm": {"taps": "kernel_size"},
}


def upgrade_settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the stored settings of a distillation of schema version 1 into today's.

    Teacher and validation took some settings of their training from ``evaluation`` then; now
    every section has its own.

    Args:
        tree: What the manifest or checkpoint of that version holds under ``config``.
    """
    old: Mapping[str, Any] = tree.get("evaluation", {})
    validation = {n: old[n] for n in ("subsets", "learning_rate", "averaging") if n in old}
    teacher = {n: old[n] for n in ("subsets",) if n in old}
    upgraded = merge_layers({"validation": validation, "teacher": teacher}, tree)
    forecaster: Mapping[str, Any] = tree.get("forecaster", {})
    return merge_layers(upgraded, {"forecaster": upgrade_forecaster(forecaster)})


def upgrade_forecaster(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the stored settings of a forecaster into today's."""
    renamed = _OPTIONS.get(str(tree.get("name")), {})
    options = {renamed.get(name, name): value for name, value in tree.get("options", {}).items()}
    return {**tree, "options": options}
