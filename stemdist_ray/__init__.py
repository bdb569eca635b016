"""Distil spatio-temporal data sets on Ray (STemDist, arXiv:2603.10410)."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Threads that wait for each other by spinning starve whoever shares the machine with them: with
# more busy threads than cores one training step becomes up to 60 times slower. OpenMP reads this
# when torch is loaded, so it has to be set first. A value of the user's own wins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from stemdist_ray.artifact.dataset import SyntheticDataset
    from stemdist_ray.artifact.export import export
    from stemdist_ray.artifact.trained import TrainedForecaster
    from stemdist_ray.config import DistillConfig, RankConfig, TrainConfig, build_config
    from stemdist_ray.data.as_series import as_series
    from stemdist_ray.data.prepared import PreparedSource, prepare_source
    from stemdist_ray.data.series import SpatioTemporalSeries
    from stemdist_ray.data.source import read_series
    from stemdist_ray.errors import StemdistError
    from stemdist_ray.forecasters import (
        Forecaster,
        ForecasterOptions,
        WindowShape,
        register_forecaster,
    )
    from stemdist_ray.pipeline import (
        CrossEvaluation,
        DistillResult,
        Evaluation,
        Ranking,
        TrainResult,
        distill,
        evaluate,
        evaluate_forecasters,
        rank,
        train_forecaster,
    )
    from stemdist_ray.sweeps.finish import SweepResult
    from stemdist_ray.sweeps.sweep import SweepConfig, search

__version__ = "0.1.0"

__all__ = [
    "CrossEvaluation",
    "DistillConfig",
    "DistillResult",
    "Evaluation",
    "Forecaster",
    "ForecasterOptions",
    "PreparedSource",
    "RankConfig",
    "Ranking",
    "SpatioTemporalSeries",
    "StemdistError",
    "SweepConfig",
    "SweepResult",
    "SyntheticDataset",
    "TrainConfig",
    "TrainResult",
    "TrainedForecaster",
    "WindowShape",
    "as_series",
    "build_config",
    "distill",
    "evaluate",
    "evaluate_forecasters",
    "export",
    "prepare_source",
    "rank",
    "read_series",
    "register_forecaster",
    "search",
    "train_forecaster",
]

_HOMES = {
    "SyntheticDataset": "artifact.dataset",
    "export": "artifact.export",
    "DistillConfig": "config",
    "build_config": "config",
    "as_series": "data.as_series",
    "SpatioTemporalSeries": "data.series",
    "PreparedSource": "data.prepared",
    "prepare_source": "data.prepared",
    "read_series": "data.source",
    "StemdistError": "errors",
    "Forecaster": "forecasters",
    "ForecasterOptions": "forecasters",
    "WindowShape": "forecasters",
    "register_forecaster": "forecasters",
    "CrossEvaluation": "pipeline",
    "DistillResult": "pipeline",
    "Evaluation": "pipeline",
    "RankConfig": "config",
    "Ranking": "pipeline",
    "TrainConfig": "config",
    "TrainResult": "pipeline",
    "TrainedForecaster": "artifact.trained",
    "distill": "pipeline",
    "evaluate": "pipeline",
    "evaluate_forecasters": "pipeline",
    "rank": "pipeline",
    "train_forecaster": "pipeline",
    "SweepConfig": "sweeps.sweep",
    "SweepResult": "sweeps.finish",
    "search": "sweeps.sweep",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``stemdist --help`` need not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
