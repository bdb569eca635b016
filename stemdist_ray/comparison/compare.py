"""Train and score the rows of a comparison: several training data, equal budgets.

Protocol ``fair``: every row gets the same number of optimiser steps. The distilled data, the
unlearned start and the random real subset have the same bytes; node sampling sees all data but uses
as many windows and locations per step as a distilled step. Protocol ``paper``: K subset steps per
epoch on the distilled data, one step on all locations of the others. Rate and epoch are chosen on
validation windows; the test split is read once per trained model, at the end, for the weights kept
and for those that would have been kept at earlier steps.

Every training is a task of its own; all rows, tracks and forecasters of a comparison are trained
beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stemdist_ray.baselines.rows import TrainedRow, closed_form_rows
from stemdist_ray.comparison.rows import CurvePoint, RowResult
from stemdist_ray.comparison.train_row import (
    ClosedForm,
    ClosedFormTask,
    ComparisonData,
    Training,
    TrainingTask,
    run_task,
)
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.metrics import Summary
from stemdist_ray.execution.executor import Executor
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed


@dataclass(frozen=True)
class Cell:
    """One place in the table that is to be filled.

    Args:
        forecaster: The evaluator.
        track: "with_base" or "network_alone".
        row: What it is trained on.
    """

    forecaster: ForecasterConfig
    track: str
    row: TrainedRow

    @property
    def key(self) -> tuple[str, str, str]:
        """Forecaster, track and row, by name."""
        return self.forecaster.name, self.track, self.row.name


@dataclass(frozen=True)
class Comparison:
    """Trains and scores rows.

    Args:
        data: What all trainings share.
        executor: Runs them; its tasks share ``data``.
        seed: Repeat i of every row uses the same derived seed.
        threads: torch threads per training.
        reporter: Is told about each finished row.
    """

    data: ComparisonData
    executor: Executor
    seed: int
    threads: int
    reporter: Reporter

    def run(
        self, cells: Sequence[Cell]
    ) -> tuple[dict[tuple[str, str, str], RowResult | Exception], dict[str, RowResult]]:
        """Train and score; a row whose evaluator diverges at every rate gets its error.

        The first repeat is trained with every rate; the one that validates best is the row's.

        Returns:
            Results by (forecaster, track, row), and those of the rows in closed form by name.
        """
        config = self.data.material.config
        possible = [cell for cell in cells if self._is_possible(cell.row)]
        trainings = len(config.rate_factors) + config.repeats - 1
        naive_rows = [row for row in closed_form_rows() if row.wanted(config)]
        self.reporter.begin("evaluating", len(possible) * trainings + len(naive_rows))
        first = [
            [self._task(cell, 0, factor) for factor in config.rate_factors] for cell in possible
        ]
        closed = [ClosedFormTask(r.title, r, self.threads) for r in naive_rows]
        done = self._run([*closed, *(task for tasks in first for task in tasks)])
        naive = {
            task.row.name: _closed_form(found)
            for task, found in zip(closed, done, strict=False)
            if isinstance(found, ClosedForm)
        }
        tried = _trainings(done[len(closed) :])
        chosen: dict[tuple[str, str, str], Training | DivergenceError] = {}
        for index, cell in enumerate(possible):
            width = len(config.rate_factors)
            chosen[cell.key] = _best(tried[index * width : (index + 1) * width])
        rest = {
            cell.key: [
                self._task(cell, repeat, found.learning_rate / self._rate(cell.row))
                for repeat in range(1, config.repeats)
            ]
            for cell in possible
            if isinstance(found := chosen[cell.key], Training)
        }
        repeated = iter(_trainings(self._run([task for tasks in rest.values() for task in tasks])))
        results = {
            cell.key: self._result(
                cell, chosen[cell.key], [next(repeated) for _ in rest.get(cell.key, ())]
            )
            for cell in possible
        }
        return results, naive

    def _is_possible(self, row: TrainedRow) -> bool:
        return self.data.material.teacher is not None or not row.needs_teacher

    def _rate(self, row: TrainedRow) -> float:
        return row.budget(self.data.material.config)[0].learning_rate

    def _task(self, cell: Cell, repeat: int, factor: float) -> TrainingTask:
        return TrainingTask(
            name=f"{cell.forecaster.name}, {cell.row.title}, repeat {repeat + 1}",
            row=cell.row,
            track=cell.track,
            forecaster=cell.forecaster,
            learning_rate=factor * self._rate(cell.row),
            seed=derive_seed(self.seed, "evaluate", repeat),
            threads=self.threads,
        )

    def _run(
        self, tasks: Sequence[TrainingTask | ClosedFormTask]
    ) -> list[Training | ClosedForm | DivergenceError]:
        return self.executor.run(run_task, tasks, lambda done: self.reporter.advance())

    def _result(
        self,
        cell: Cell,
        first: Training | DivergenceError,
        others: Sequence[Training | DivergenceError],
    ) -> RowResult | Exception:
        trainings = [first, *others]
        for training in trainings:
            if isinstance(training, DivergenceError):
                return training
        done = [t for t in trainings if isinstance(t, Training)]
        result = RowResult(
            test=Summary.of(t.test for t in done),
            validation=Summary.of(t.validation for t in done),
            train_seconds=float(np.mean([t.train_seconds for t in done])),
            peak_rss_mib=max(t.peak_rss_mib for t in done),
            optimizer_steps=done[0].optimizer_steps,
            best_epochs=tuple(t.best_epoch for t in done),
            num_parameters=done[0].num_parameters,
            learning_rate=done[0].learning_rate,
            curve=_curve(done),
            errors=tuple(t.test.relative_rmse for t in done),
        )
        error = result.test.values["relative_rmse"]
        self.reporter.say(
            f"{cell.forecaster.name}, {cell.row.title}{_TRACKS[cell.track]}: test relative RMSE "
            f"{error['mean']:.3f} +- {error['std']:.3f} ({len(done)} x {result.optimizer_steps} "
            f"steps, rate {result.learning_rate:g}, {sum(t.total_seconds for t in done):.0f} s)"
        )
        return result


_TRACKS: Mapping[str, str] = {"with_base": " with base", "network_alone": " alone"}


def _closed_form(found: ClosedForm) -> RowResult:
    return RowResult(
        Summary.of([found.test]),
        Summary.of([found.validation]),
        peak_rss_mib=found.peak_rss_mib,
        errors=(found.test.relative_rmse,),
    )


def _trainings(
    done: Sequence[Training | ClosedForm | DivergenceError],
) -> list[Training | DivergenceError]:
    return [found for found in done if not isinstance(found, ClosedForm)]


def _best(tried: Sequence[Training | DivergenceError]) -> Training | DivergenceError:
    """The training that validates best; a divergence only where all of them diverged."""
    done = [training for training in tried if isinstance(training, Training)]
    return min(done, key=lambda training: training.selection) if done else tried[0]


def _curve(done: Sequence[Training]) -> tuple[CurvePoint, ...]:
    """Means over repeats at the points that all of them have reached."""
    points = []
    for taken in zip(*(training.points for training in done), strict=False):
        tests = [point.test for point in taken]
        points.append(
            CurvePoint(
                steps=taken[0].steps,
                train_seconds=float(np.mean([p.train_seconds for p in taken])),
                validation=float(np.mean([p.validation for p in taken])),
                test=float(np.mean(tests)),
                test_std=float(np.std(tests, ddof=1)) if len(tests) > 1 else 0.0,
            )
        )
    return tuple(points)
