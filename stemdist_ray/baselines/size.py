"""How large a data set of a method is to be, and whether making it fits: known before it starts.

Axis letters: W windows, L lookback, H horizon, N real locations, K synthetic locations, F features,
C calendar columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.budget import fitting_windows
from stemdist_ray.distillation.start import num_clusters, num_synthetic_windows, train_of
from stemdist_ray.distillation.task import RealData
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.seeding import torch_seed
from stemdist_ray.system.free_memory import in_words

FEWEST = 4  # windows, and locations: with fewer there is nothing to learn from


@dataclass(frozen=True)
class Sizes:
    """The numbers that memory follows from.

    Args:
        windows: W.
        locations: K.
        real_windows: Of the train split.
        real_locations: N.
        shape: L, H, F + C.
        forecaster: That networks are drawn of.
    """

    windows: int
    locations: int
    real_windows: int
    real_locations: int
    shape: WindowShape
    forecaster: ForecasterConfig

    @classmethod
    def of(cls, config: DistillConfig, source: PreparedSource | RealData) -> Sizes:
        """Those of a run."""
        series, starts = train_of(source)
        return cls(
            windows=num_synthetic_windows(config, source),
            locations=num_clusters(config, source),
            real_windows=len(starts),
            real_locations=series.num_locations,
            shape=WindowShape.of(series),
            forecaster=config.forecaster,
        )

    @property
    def own_lags(self) -> int:
        """L F, the readings that a window has of one location."""
        return self.shape.lookback * (self.shape.num_features - self.shape.num_covariates)

    def pass_bytes(self, windows: int) -> int:
        """Bytes that a network keeps of a forward pass over so many windows of K locations."""
        shape = replace(self.shape, graph=False)
        with torch_seed(0, "size"):
            floats = build_forecaster(self.forecaster, shape).activation_floats()
        return 4 * floats * min(windows, self.real_windows) * self.locations


def check_memory(method: str, needed: float, limit: int) -> None:
    """Refuse what would not fit.

    Args:
        method: Its name.
        needed: Bytes that it takes at its peak, estimated.
        limit: ``matching.memory_budget``.

    Raises:
        ConfigError: It is more than that.
    """
    if needed > limit:
        raise ConfigError(
            f"{method} would need about {in_words(needed)}; expected at most {in_words(limit)} "
            "(matching.memory_budget). Take fewer windows (temporal_ratio, budget), a smaller "
            "method_options.batch, locations=medoids, or raise matching.memory_budget"
        )


def check_windows(method: str, windows: int, have: int) -> None:
    """Refuse a data set of hardly any windows.

    Raises:
        ConfigError: There are fewer than four.
    """
    if windows < FEWEST:
        raise ConfigError(
            f"{windows} of {have} train windows is too few for {method}: expected at least "
            f"{FEWEST}; give a larger temporal_ratio or budget"
        )


def even_ratios(budget: float, windows: int, locations: int) -> tuple[float, float]:
    """Spend a budget on windows and locations alike: both get its square root.

    Where that leaves fewer than four of one of them, it gets four and the other one the rest. The
    number of locations is rounded, then windows are as many as still fit.

    Args:
        budget: Synthetic entries / real ones.
        windows: Of the train split.
        locations: N.

    Returns:
        Spatial and temporal ratio.

    Raises:
        ConfigError: It does not buy four windows of four locations.
    """
    entries = budget * windows * locations
    most = min(locations, int(np.floor(entries / FEWEST)))  # so that four windows are left
    count = int(np.clip(round(np.sqrt(budget) * locations), min(FEWEST, locations), max(most, 1)))
    return count / locations, _temporal(budget, count, windows, locations)


def all_locations(budget: float, windows: int, locations: int) -> tuple[float, float]:
    """Spend a budget on windows alone, of all N locations; see :func:`even_ratios`."""
    return 1.0, _temporal(budget, locations, windows, locations)


def _temporal(budget: float, count: int, windows: int, locations: int) -> float:
    fitting = fitting_windows(budget, count, windows, locations)
    if min(fitting, windows) < min(FEWEST, windows) or count < min(FEWEST, locations):
        raise ConfigError(
            f"budget {budget:g} of {windows} train windows x {locations} locations buys {fitting} "
            f"windows of {count} locations; expected at least {FEWEST} of each: give a larger "
            "budget"
        )
    return min(1.0, fitting / windows)
