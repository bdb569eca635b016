"""Named settings to start from, and how a configuration is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from stemdist_ray.config.layers import describe_validation_error, merge_layers
from stemdist_ray.config.sections import DistillConfig
from stemdist_ray.errors import ConfigError

_SMALL_EVALUATION = {
    "epochs": 25,
    "repeats": 2,
    "rate_factors": (1.0,),
    "curve": (25, 100),
    "validation_windows": 16,
}

PRESETS: dict[str, dict[str, Any]] = {
    "standard": {},
    "quick": {"rounds": 0, "teacher": {"members": 1, "epochs": 50}},
    "demo": {
        "rounds": 0,
        "num_shards": 4,
        "teacher": {"members": 2, "epochs": 20},
        "validation": {"repeats": 1, "epochs": 25},
        "evaluation": _SMALL_EVALUATION,
    },
    "paper": {
        "base": "none",
        "rounds": 100,
        "num_shards": 1,
        "data": {"covariates": ()},
        "forecaster": {"name": "mtgnn"},
        "teacher": {"epochs": 0},
        "matching": {
            "objective": "gradient",
            "steps": 20,
            "subsets": 4,
            "smallest_subset": 1,
            "real_batch": 64,
            "learning_rate": 1e-2,
            "inner_epochs": 10,
            "inner_learning_rate": 1e-3,
            "init": "random",
            "locations": "centroid",
            "real": "clusters",
            "against": "readings",
            "oldest": 0,
        },
        "validation": {
            "every": 5,
            "epochs": 30,
            "windows": 16,
            "learning_rate": 1e-3,
            "averaging": 0.9,
            "warmup_steps": 0,
        },
        "evaluation": {
            "epochs": 100,
            "check_every": 3,
            "validation_windows": 16,
            "learning_rate": 1e-3,
            "averaging": 0.9,
            "warmup_steps": 0,
            "rate_factors": (1.0,),
            "tracks": ("network_alone",),
        },
    },
}


def build_config(preset: str = "standard", *layers: Mapping[str, Any]) -> DistillConfig:
    """Build a configuration from a preset and any number of overriding layers.

    Args:
        preset: Name in :data:`PRESETS`.
        *layers: Nested mappings, later ones win.

    Raises:
        ConfigError: Unknown preset, unknown keys or values out of range; all
            problems are reported together.
    """
    if preset not in PRESETS:
        known = ", ".join(sorted(PRESETS))
        raise ConfigError(f"unknown preset {preset!r}; expected one of: {known}")
    try:
        return DistillConfig.model_validate(merge_layers(PRESETS[preset], *layers))
    except ValidationError as error:
        raise ConfigError(describe_validation_error(error)) from error
