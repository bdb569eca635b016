"""Distil spatio-temporal data sets on Ray (STemDist, arXiv:2603.10410)."""

import os as _os

# Threads that wait for each other by spinning starve whoever shares the machine with them: with
# more busy threads than cores one training step becomes up to 60 times slower. OpenMP reads this
# when torch is loaded, so it has to be set first. A value of the user's own wins.
_os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from stemdist_ray.artifact.dataset import SyntheticDataset  # noqa: E402
from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import StemdistError
from stemdist_ray.forecasters import Forecaster, register_forecaster
from stemdist_ray.pipeline import DistillResult, EvaluationResult, distill, evaluate

__version__ = "0.1.0"

__all__ = [
    "DistillConfig",
    "DistillResult",
    "EvaluationResult",
    "Forecaster",
    "SpatioTemporalSeries",
    "StemdistError",
    "SyntheticDataset",
    "build_config",
    "distill",
    "evaluate",
    "read_series",
    "register_forecaster",
]
