"""One training of a comparison: a task that any worker can run.

Axis letters: W windows, L lookback, H horizon, N locations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stemdist_ray.baselines.rows import ClosedFormRow, Material, RowData, TrainedRow
from stemdist_ray.config import BudgetConfig, EvaluationConfig, ForecasterConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.metrics import Metrics, TargetStatistics
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.forecasters.catalog import shape_for
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.training.fit import FitResult, fit


@dataclass(frozen=True)
class ComparisonData:
    """What all trainings of a comparison share; read only.

    Args:
        material: What the training data of the rows are made of, on the track with a base (or
            without one, where there is none).
        selection: Validation windows that choose rate and epoch.
        validation: All validation windows.
        test: All test windows; read once per training, at the end.
    """

    material: Material
    selection: EvaluationWindows
    validation: EvaluationWindows
    test: EvaluationWindows

    @classmethod
    def of(
        cls, material: Material, statistics: Mapping[str, TargetStatistics] | None = None
    ) -> ComparisonData:
        """Collect the windows that score.

        Args:
            material: With the series.
            statistics: Of their targets by the names of :data:`SCORED`, where they are known.
        """
        known = statistics or {}
        windows = {
            name: EvaluationWindows.of(material.source, starts, known.get(name))
            for name, starts in scored_starts(material.source, material.config).items()
        }
        return cls(material, **windows)


SCORED = ("selection", "validation", "test")


def scored_starts(
    source: PreparedSource, config: EvaluationConfig
) -> dict[str, npt.NDArray[np.int64]]:
    """Starts of the windows that score, by the names of :data:`SCORED`."""
    starts = source.starts["val"]
    few = starts[evenly_spaced(len(starts), config.validation_windows)]
    return dict(zip(SCORED, (few, starts, source.starts["test"]), strict=True))


@dataclass(frozen=True)
class TrainingTask:
    """One training.

    Args:
        name: For messages.
        row: What is trained on.
        track: "with_base" or "network_alone".
        forecaster: The evaluator.
        learning_rate: Its rate.
        seed: Of the repeat: draws, weights, dropout.
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    row: TrainedRow
    track: str
    forecaster: ForecasterConfig
    learning_rate: float
    seed: int
    threads: int


@dataclass(frozen=True)
class ClosedFormTask:
    """One row in closed form.

    Args:
        name: For messages.
        row: Which.
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    row: ClosedFormRow
    threads: int


@dataclass(frozen=True)
class ClosedForm:
    """A fitted row in closed form.

    Args:
        test: Metrics on the test split.
        validation: Metrics on the whole validation split.
        peak_rss_mib: Highest resident memory of the process meanwhile.
    """

    test: Metrics
    validation: Metrics
    peak_rss_mib: float


@dataclass(frozen=True)
class Point:
    """What the training would have given had it ended after some steps.

    Args:
        steps: Optimiser steps.
        train_seconds: Time in them.
        validation: Relative RMSE on the windows that choose the epoch.
        test: Relative RMSE on the test split.
    """

    steps: int
    train_seconds: float
    validation: float
    test: float


@dataclass(frozen=True)
class Training:
    """A finished training.

    Args:
        learning_rate: Its rate.
        selection: Relative RMSE on the windows that choose rate and epoch.
        test: Metrics on the test split.
        validation: Metrics on the whole validation split.
        points: Along the way.
        train_seconds: In training steps.
        total_seconds: With validation.
        peak_rss_mib: Highest resident memory of the process while training and scoring.
        optimizer_steps: Steps taken.
        best_epoch: The epoch kept.
        num_parameters: Of the model.
    """

    learning_rate: float
    selection: float
    test: Metrics
    validation: Metrics
    points: tuple[Point, ...]
    train_seconds: float
    total_seconds: float
    peak_rss_mib: float
    optimizer_steps: int
    best_epoch: int
    num_parameters: int


def run_task(
    data: ComparisonData, task: TrainingTask | ClosedFormTask
) -> Training | ClosedForm | DivergenceError:
    """Run one task of a comparison, whichever kind it is."""
    return train_row(data, task) if isinstance(task, TrainingTask) else fit_row(data, task)


def fit_row(data: ComparisonData, task: ClosedFormTask) -> ClosedForm:
    """Fit and score a row in closed form."""
    with torch_threads(task.threads), PeakMemory() as memory:
        model = task.row.fitted(data.material)
        batch = model.windows_per_batch()
        splits = (task.row.scored(w, data.material) for w in (data.test, data.validation))
        test, validation = (windows.score(model.predict, batch) for windows in splits)
    return ClosedForm(test, validation, memory.peak_mib)


def train_row(data: ComparisonData, task: TrainingTask) -> Training | DivergenceError:
    """Train and score; pure apart from torch's thread count.

    A training that diverges is an answer like any other: another rate may do.
    """
    material = data.material
    if task.track == "network_alone":
        material = replace(material, base=None)
    # Made before, so that the peak is that of training and scoring.
    with torch_threads(task.threads):
        own = task.row.data(material, task.seed)
    with torch_threads(task.threads), PeakMemory() as memory:
        try:
            result = _fit(data, task, material, own)
        except DivergenceError as error:
            return error
        points, test = _points(data, material, result, own)
        model = result.model
        windows = data.validation.with_base(own.base)
        validation = score_forecaster(model, windows, material.mean_window, material.device)
    return Training(
        learning_rate=task.learning_rate,
        selection=result.validation.relative_rmse,
        test=test,
        validation=validation,
        points=points,
        train_seconds=result.train_seconds,
        total_seconds=result.total_seconds,
        peak_rss_mib=memory.peak_mib,
        optimizer_steps=result.optimizer_steps,
        best_epoch=result.best_epoch,
        num_parameters=model.num_parameters(),
    )


def _fit(data: ComparisonData, task: TrainingTask, material: Material, own: RowData) -> FitResult:
    budget, patience = task.row.budget(material.config)
    return fit_on(
        data,
        own,
        forecaster=task.forecaster,
        budget=budget.model_copy(update={"learning_rate": task.learning_rate}),
        patience=patience,
        seed=task.seed,
        snapshots_at=material.config.curve,
    )


def fit_on(
    data: ComparisonData,
    own: RowData,
    *,
    forecaster: ForecasterConfig,
    budget: BudgetConfig,
    patience: int,
    seed: int,
    snapshots_at: Sequence[int] = (),
) -> FitResult:
    """Train on the data of a row; the windows that choose the epoch are those of the comparison.

    Args:
        data: The comparison.
        own: What is trained on, and the base that the forecasts are added to.
        forecaster: What is trained.
        budget: Epochs, rates, how often to validate.
        patience: Validations without improvement before stopping; 0 = never stop early.
        seed: Of weights, dropout and the draws of the steps.
        snapshots_at: Optimiser steps after which to keep a snapshot.

    Raises:
        DivergenceError: Validation never gave a finite error.
    """
    material, selection = data.material, data.selection.with_base(own.base)

    def validate(model: Forecaster) -> Metrics:
        return score_forecaster(model, selection, material.mean_window, material.device)

    return fit(
        own.data,
        validate,
        forecaster=forecaster,
        shape=shape_for(forecaster, selection.windows),
        budget=budget,
        seed=seed,
        patience=patience,
        device=material.device,
        snapshots_at=snapshots_at,
    )


def _points(
    data: ComparisonData, material: Material, result: FitResult, own: RowData
) -> tuple[tuple[Point, ...], Metrics]:
    """Test what would have been kept at each snapshot; the last one is what was kept at the end."""
    windows, model = data.test.with_base(own.base), result.model
    points, known = [], dict[int, Metrics]()
    for snapshot in result.snapshots:
        weights = snapshot.weights
        # The same weights often stay the best over several snapshots: they are scored once.
        if id(weights) not in known:
            model.load_state_dict(weights)
            known[id(weights)] = score_forecaster(
                model, windows, material.mean_window, material.device
            )
        test, seconds = known[id(weights)], snapshot.train_seconds
        points.append(Point(snapshot.steps, seconds, snapshot.validation, test.relative_rmse))
    return tuple(points), known[id(result.snapshots[-1].weights)]
