"""One training of a ranking: a task that any worker can run.

A *cell* is one configuration, trained on one kind of data, with one seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from stemdist_ray.baselines.rows import ROWS, Row, TrainedRow, trained_rows
from stemdist_ray.comparison.ranking.configurations import Configuration
from stemdist_ray.comparison.rows import number
from stemdist_ray.comparison.train_row import ComparisonData, fit_on
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.evaluation.predict import score_forecaster
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.threads import torch_threads

FULL, DISTILLED, SAMPLED, EQUAL_SECONDS = (
    "full_data",
    "distilled",
    "node_sampled",
    "equal_seconds",
)
CellKey = tuple[str, str, int]
"""What is trained on, the configuration's name, and the repeat from 0."""


@dataclass(frozen=True)
class CellTask:
    """One training.

    Args:
        name: For messages.
        trained_on: What the ranking calls the data.
        row: Makes them.
        configuration: What is trained, and how.
        track: "with_base" or "network_alone".
        repeat: From 0.
        draw_seed: Of the data where they are drawn; all configurations share it.
        seed: Of weights, dropout and steps.
        threads: torch threads, part of the task because sums depend on it.
        epochs: Passes at most; None = as many as full training has.
    """

    name: str
    trained_on: str
    row: TrainedRow
    configuration: Configuration
    track: str
    repeat: int
    draw_seed: int
    seed: int
    threads: int
    epochs: int | None = None

    @property
    def key(self) -> CellKey:
        """What tells it from all others of a ranking."""
        return self.trained_on, self.configuration.name, self.repeat

    def deciding(self) -> dict[str, Any]:
        """What is its own of all that decides its result, as plain data."""
        return {
            "configuration": self.configuration.to_json(),
            "epochs": self.epochs,
            "draw_seed": self.draw_seed,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Cell:
    """A finished training.

    Args:
        trained_on: What the ranking calls the data.
        configuration: Its name.
        repeat: From 0.
        validation: Relative RMSE on the whole validation split; infinite where it diverged.
        test: The same on the test split: of full training only, infinite where it diverged.
        fit_seconds: Training steps and the validations that choose the epoch.
        seconds: The same and scoring the validation split: what a searcher waits for.
        optimizer_steps: Steps taken.
        epochs: Passes it was allowed.
        best_epoch: The epoch kept.
        num_parameters: Of the network.
        peak_rss_mib: Highest resident memory of the process meanwhile.
        failed: Why it diverged.
    """

    trained_on: str
    configuration: str
    repeat: int
    validation: float
    test: float | None
    fit_seconds: float
    seconds: float
    optimizer_steps: int = 0
    epochs: int = 0
    best_epoch: int = 0
    num_parameters: int = 0
    peak_rss_mib: float = 0.0
    failed: str | None = None

    @property
    def key(self) -> CellKey:
        """As of its task."""
        return self.trained_on, self.configuration, self.repeat

    def to_json(self) -> dict[str, Any]:
        """As plain data; errors of a training that diverged become null."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Cell:
        """Read what :meth:`to_json` wrote."""
        known = {name: tree[name] for name in cls.__dataclass_fields__}
        failed = known["failed"] is not None
        known["validation"] = _error(known["validation"], failed)
        if known["trained_on"] == FULL:
            known["test"] = _error(known["test"], failed)
        return cls(**known)


def _error(value: float | None, failed: bool) -> float:
    return math.inf if failed else number(value)


def run_cell(data: ComparisonData, task: CellTask) -> Cell:
    """Train and score; pure apart from torch's thread count and the seconds.

    The test split is read for full training alone: what others choose is known before.
    """
    material = data.material
    if task.track == "network_alone":
        material = replace(material, base=None)
    budget, patience = task.row.budget(material.config)
    budget = task.configuration.budget_of(budget)
    if task.epochs is not None:
        budget = budget.model_copy(update={"epochs": task.epochs})
    with torch_threads(task.threads), PeakMemory() as memory:
        own = task.row.data(material, task.draw_seed)
        begun, cell = time.perf_counter(), _unfinished(task, budget.epochs)
        try:
            result = fit_on(
                data,
                own,
                forecaster=task.configuration.forecaster,
                budget=budget,
                patience=patience,
                seed=task.seed,
            )
        except DivergenceError as error:
            spent = time.perf_counter() - begun
            return replace(cell, fit_seconds=spent, seconds=spent, failed=str(error))
        model, fitted = result.model, time.perf_counter()
        mean_window, device = material.mean_window, material.device
        windows = data.validation.with_base(own.base)
        validation = score_forecaster(model, windows, mean_window, device)
        scored, test = time.perf_counter(), None
        if task.trained_on == FULL:
            windows = data.test.with_base(own.base)
            test = score_forecaster(model, windows, mean_window, device).relative_rmse
    finite = math.isfinite(validation.relative_rmse) and (test is None or math.isfinite(test))
    return replace(
        cell,
        # An error that is no number would win or lose by how it happens to be sorted.
        validation=validation.relative_rmse if finite else math.inf,
        test=test if finite or test is None else math.inf,
        failed=None if finite else "its forecasts are not finite on all windows",
        fit_seconds=fitted - begun,
        seconds=scored - begun,
        optimizer_steps=result.optimizer_steps,
        best_epoch=result.best_epoch,
        num_parameters=model.num_parameters(),
        peak_rss_mib=memory.peak_mib,
    )


def _unfinished(task: CellTask, epochs: int) -> Cell:
    return Cell(
        *task.key,
        validation=math.inf,
        test=math.inf if task.trained_on == FULL else None,
        fit_seconds=0.0,
        seconds=0.0,
        epochs=epochs,
    )


def equal_seconds_epochs(distilled: Cell, sampled: Cell, share: float) -> int:
    """For how many epochs sampled full data take as long as the distilled data did.

    Args:
        distilled: The configuration trained on the distilled data.
        sampled: The same on sampled full data, for as many steps.
        share: Seconds that distilling cost more than what sampled full data need beforehand, over
            the number of configurations.

    Returns:
        At least 1.
    """
    each = sampled.fit_seconds / max(1, sampled.epochs)
    if not each > 0:
        return max(1, sampled.epochs)
    return max(1, math.floor((distilled.fit_seconds + max(0.0, share)) / each))


def row_of(trained_on: str) -> TrainedRow:
    """The row of the comparison that makes the data.

    Raises:
        ConfigError: There is none of that name, or it needs no training.
    """
    trained = {row.name: row for row in trained_rows()}
    row = trained.get(SAMPLED if trained_on == EQUAL_SECONDS else trained_on)
    if row is None:
        known = "; it trains no configuration" if trained_on in ROWS else ""
        raise ConfigError(
            f"trained_on: found {trained_on}{known}; expected some of: "
            f"{', '.join(sorted([EQUAL_SECONDS, *(trained.keys() - {FULL})]))}"
        )
    return row


def look_of(trained_on: str) -> Row:
    """Title and colour of the data in tables and figures."""
    if trained_on == EQUAL_SECONDS:
        return Row(EQUAL_SECONDS, "sampled, equal s", "full data, sampled, equal seconds", *_LAST)
    if trained_on not in ROWS:
        return Row(trained_on, trained_on, trained_on, "#7a7a7a", 0)
    return ROWS.get(trained_on)


_LAST = ("#56b4e9", 35)
