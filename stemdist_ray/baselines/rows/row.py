"""What a row of a comparison is, and the registry of all rows.

Axis letters: W windows, L lookback, H horizon, N locations, K clusters, F features, C calendar
columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import BudgetConfig, EvaluationConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import WindowBase, WindowedSeries
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.state import KnownParts
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster
from stemdist_ray.registry import Registry
from stemdist_ray.training.steps import FixedWindows, TrainingData


@dataclass(frozen=True)
class Material:
    """What the training data of all rows are made of, on one track.

    Args:
        source: The prepared real series, without a base.
        x: (W, L, K, F) distilled inputs, scaled, without calendar.
        y: (W, H, K) distilled targets, scaled.
        clustering: Of the real locations.
        mean_window: (N, L, F + C) mean train windows of the real locations.
        config: Budget and protocol.
        device: Where to train.
        known: What is known of the distilled windows.
        base: The data set's base, which forecasters build upon; None on the track *network alone*.
        teacher: Who gave the distilled targets, None without a teacher.
        teacher_base: What the teacher builds upon, on either track.
    """

    source: PreparedSource
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    clustering: Clustering
    mean_window: npt.NDArray[np.float32]
    config: EvaluationConfig
    device: str
    known: KnownParts = field(default_factory=KnownParts)
    base: WindowBase | None = None
    teacher: Teacher | None = None
    teacher_base: WindowBase | None = None

    @property
    def subsets(self) -> int:
        """Steps per epoch on data that are not distilled: K, or 1 under protocol ``paper``."""
        return self.config.subsets if self.config.protocol == "fair" else 1

    @property
    def cluster_graph(self) -> LocationGraph | None:
        """The given graph between the clusters, None where none was given."""
        graph = self.source.windows.graph
        return None if graph is None else graph.of_clusters(self.clustering.assignment)

    @property
    def windows(self) -> WindowedSeries:
        """The real series with the base of the track."""
        return replace(self.source.windows, base=self.base)

    def fixed(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.float32],
        cluster_size: npt.NDArray[np.int64] | npt.NDArray[np.float64],
        observed: npt.NDArray[np.bool_] | None = None,
        graph: LocationGraph | None = None,
    ) -> FixedWindows:
        """A data set of the distilled size.

        Args:
            x: (W, L, K, F + C) inputs.
            y: (W, H, K) targets, or what a base leaves of them.
            cluster_size: (K,) weights.
            observed: (W, H, K) bool or None.
            graph: Between the K locations, where one was given.
        """
        return FixedWindows(x, y, cluster_size, self.subsets, observed, self.device, graph=graph)


@dataclass(frozen=True)
class RowData:
    """What the evaluator of a row is trained on, and what its forecasts are added to.

    Args:
        data: Gives the steps of each epoch; targets are what the base leaves of them.
        base: Fitted on what the row may see; None where the evaluator forecasts alone.
    """

    data: TrainingData
    base: WindowBase | None


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
        data: Makes what is trained on, and the base; also given the seed of the repeat.
        in_cross_table: Whether it stands in the table of several evaluators, too.
        on_request: Whether it is trained only where it is asked for, by ``full_data`` or
            ``evaluation.more_rows``.
        needs_teacher: Whether the row exists only where there is a teacher.
        reads_all: Whether it trains on all of the real data; else on a set of the distilled size.
        budget: For how long, and the patience; of the settings of the evaluation.
    """

    data: Callable[[Material, int], RowData]
    in_cross_table: bool = False
    on_request: bool = False
    needs_teacher: bool = False
    reads_all: bool = False
    budget: Callable[[EvaluationConfig], tuple[BudgetConfig, int]] = lambda config: (config, 0)


@dataclass(frozen=True)
class ClosedFormRow(Row):
    """A row whose forecaster is fitted in closed form on the train split.

    Args:
        forecaster: Which.
    """

    forecaster: type[ClosedFormForecaster]

    def wanted(self, config: EvaluationConfig) -> bool:
        """Whether the row is part of an evaluation with these settings."""
        del config
        return True

    def scored(self, windows: EvaluationWindows, material: Material) -> EvaluationWindows:
        """Which of the windows of a split it is scored on: all of them."""
        del material
        return windows

    def fitted(self, material: Material) -> ClosedFormForecaster:
        """The forecaster, fitted."""
        return self.forecaster(material.source)


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
