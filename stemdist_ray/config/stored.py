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


# What every distillation was like before schema version 3, where settings now say otherwise.
_BEFORE_3: dict[str, Any] = {
    "base": "none",
    "data": {"covariates": []},
    "forecaster": {"name": "mtgnn"},
    "matching": {
        "init": "even",
        "locations": "centroid",
        "real": "clusters",
        "against": "readings",
        "oldest": 0,
    },
    "teacher": {"warmup_steps": 0, "members": 1},
    "validation": {"warmup_steps": 0},
    "evaluation": {"warmup_steps": 0, "rate_factors": [1.0], "tracks": ["network_alone"]},
}


def upgrade_settings(tree: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Turn the stored settings of a distillation into today's.

    Teacher and validation took some settings of their training from ``evaluation`` in version 1;
    then every section got its own. Before version 3 there was no base.

    Args:
        tree: What a manifest holds under ``config``.
        version: Its schema version.
    """
    if version == 1:
        old: Mapping[str, Any] = tree.get("evaluation", {})
        validation = {n: old[n] for n in ("subsets", "learning_rate", "averaging") if n in old}
        teacher = {n: old[n] for n in ("subsets",) if n in old}
        tree = merge_layers({"validation": validation, "teacher": teacher}, tree)
        forecaster: Mapping[str, Any] = tree.get("forecaster", {})
        tree = merge_layers(tree, {"forecaster": upgrade_forecaster(forecaster)})
    return merge_layers(_BEFORE_3, tree) if version < 3 else dict(tree)


def upgrade_forecaster(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the stored settings of a forecaster into today's."""
    renamed = _OPTIONS.get(str(tree.get("name")), {})
    options = {renamed.get(name, name): value for name, value in tree.get("options", {}).items()}
    return {**tree, "options": options}
