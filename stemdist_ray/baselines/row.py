"""What a row of a comparison is, and the registry of all rows.

Axis letters: W windows, L lookback, H horizon, N locations, K clusters, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import BudgetConfig, EvaluationConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster
from stemdist_ray.registry import Registry
from stemdist_ray.training.steps import FixedWindows, TrainingData


@dataclass(frozen=True)
class Material:
    """What the training data of all rows are made of.

    Args:
        source: The prepared real series.
        x: (W, L, K, F) distilled inputs, scaled.
        y: (W, H, K) distilled targets, scaled.
        clustering: Of the real locations.
        mean_window: (N, L, F) mean train windows of the real locations.
        config: Budget and protocol.
        device: Where to train.
    """

    source: PreparedSource
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    clustering: Clustering
    mean_window: npt.NDArray[np.float32]
    config: EvaluationConfig
    device: str

    @property
    def subsets(self) -> int:
        """Steps per epoch on data that are not distilled: K, or 1 under protocol ``paper``."""
        return self.config.subsets if self.config.protocol == "fair" else 1

    def fixed(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.float32],
        cluster_size: npt.NDArray[np.int64],
        observed: npt.NDArray[np.bool_] | None = None,
    ) -> FixedWindows:
        """A data set of the distilled size: (W, L, K, F), (W, H, K), (K,) and (W, H, K) bool."""
        return FixedWindows(x, y, cluster_size, self.subsets, observed, self.device)


@dataclass(frozen=True)
class Row:
    """A row of a comparison.

    Args:
        name: Key in JSON and CSV files.
        title: In tables of text, where there is little room.
        report_title: In reports.
        colour: In figures, the same in all of them.
        position: Rows are shown in the order of their positions.
    """

    name: str
    title: str
    report_title: str
    colour: str
    position: int


@dataclass(frozen=True)
class TrainedRow(Row):
    """A row for which the evaluator is trained.

    Args:
        data: Makes what is trained on; also given the seed of the repeat.
        in_cross_table: Whether it stands in the table of several evaluators, too.
        on_request: Whether it is trained only where ``full_data`` asks for it.
        budget: For how long, and the patience; of the settings of the evaluation.
    """

    data: Callable[[Material, int], TrainingData]
    in_cross_table: bool = False
    on_request: bool = False
    budget: Callable[[EvaluationConfig], tuple[BudgetConfig, int]] = lambda config: (config, 0)


@dataclass(frozen=True)
class ClosedFormRow(Row):
    """A row whose forecaster is fitted in closed form on the train split.

    Args:
        forecaster: Which.
    """

    forecaster: type[ClosedFormForecaster]


def _home(row: Row) -> tuple[object, ...]:
    """Where a row is defined: at the function or class that makes it."""
    maker = getattr(row, "data", None) or getattr(row, "forecaster", None)
    return type(row), getattr(maker, "__module__", None), getattr(maker, "__qualname__", maker)


ROWS: Registry[Row] = Registry("row of the comparison", home=_home)

R = TypeVar("R", bound=Row)


def register_row(row: R) -> R:
    """Make a row known.

    Raises:
        ConfigError: Another row has its name.
    """
    return ROWS.register(row.name)(row)


def trained_rows() -> list[TrainedRow]:
    """Rows that are trained, in the order of their positions."""
    return [row for row in _ordered() if isinstance(row, TrainedRow)]


def closed_form_rows() -> list[ClosedFormRow]:
    """Rows in closed form, in the order of their positions."""
    return [row for row in _ordered() if isinstance(row, ClosedFormRow)]


def _ordered() -> list[Row]:
    return sorted(ROWS.loaded().values(), key=lambda row: row.position)
