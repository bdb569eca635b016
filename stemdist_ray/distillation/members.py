"""The networks of a teacher: plain data that can travel, and forecasters made of them.

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.evaluation.predict import forecast_windows
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster, check_forecaster

Array = npt.NDArray[np.float32]
Weights = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Teacher:
    """The networks of a teacher; what they forecast is added to the base.

    Args:
        members: State of every member, by name of the parameter.
        forecasters: What each of them is.
        shape: What they were built for.
    """

    members: tuple[Weights, ...]
    forecasters: tuple[ForecasterConfig, ...]
    shape: WindowShape

    def models(self) -> list[Forecaster]:
        """The members, ready to forecast."""
        pairs = zip(self.forecasters, self.members, strict=True)
        return [_built(forecaster, self.shape, weights) for forecaster, weights in pairs]

    def forecast(self, x: Array, mean_window: Array, device: str = "cpu") -> Array:
        """The mean of what the members forecast, without the base.

        Args:
            x: (W, L, N, F) scaled inputs, calendar included.
            mean_window: (N, L, F) mean windows of the N locations.
            device: Where to compute.

        Returns:
            (W, H, N) float32.
        """
        total = np.zeros((len(x), self.shape.horizon, x.shape[2]), np.float32)
        for model in self.models():
            total += forecast_windows(model.to(device), x, mean_window, device)
        return np.asarray(total / len(self.members))


def member_forecaster(config: DistillConfig, index: int) -> ForecasterConfig:
    """What a member of a run's teacher is.

    Args:
        config: The run; ``teacher.forecasters`` names kinds, that of the run keeps its options.
        index: Which member, from 0.
    """
    kinds, own = config.teacher.forecasters, config.forecaster
    name = kinds[index % len(kinds)] if kinds else own.name
    return own if name == own.name else ForecasterConfig(name=name, precision=own.precision)


def check_forecasters(config: DistillConfig) -> None:
    """Check what a run trains, the members of its teacher included, before anything is computed.

    Raises:
        ConfigError: A name is not known, or options do not fit.
    """
    check_forecaster(config.forecaster)
    for index in range(config.teacher.members):
        check_forecaster(member_forecaster(config, index))


def _built(forecaster: ForecasterConfig, shape: WindowShape, weights: Weights) -> Forecaster:
    model = build_forecaster(forecaster, shape)
    model.load_state_dict({n: torch.from_numpy(np.array(v)) for n, v in weights.items()})
    return model.eval()
