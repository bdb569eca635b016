"""Train and score the rows of a comparison: one forecaster, several training data, equal budgets.

Protocol ``fair``: every row gets the same number of optimiser steps. The distilled data, the
unlearned start and the random real subset have the same bytes; node sampling sees all data but uses
as many windows and locations per step as a distilled step. Protocol ``paper``: K subset steps per
epoch on the distilled data, one step on all locations of the others. The epoch is chosen on
validation windows; the test split is read once per trained model, at the end.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from stemdist_ray.baselines import ClosedFormRow, Material, TrainedRow, closed_form_rows
from stemdist_ray.comparison.table import RowResult
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.evaluation.metrics import Metrics, Summary
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.training.fit import FitResult, fit


class Comparison:
    """Trains and scores rows.

    Args:
        material: What the training data of the rows are made of.
        forecaster: The evaluator.
        seed: Repeat i of every row uses the same derived seed.
        reporter: Is told about each finished training.
    """

    def __init__(
        self, material: Material, forecaster: ForecasterConfig, seed: int, reporter: Reporter
    ) -> None:
        self.material, self.forecaster, self.seed = material, forecaster, seed
        self.reporter = reporter
        source, config = material.source, material.config
        self.shape = WindowShape.of(source.windows)
        starts = source.starts["val"]
        few = starts[evenly_spaced(len(starts), config.validation_windows)]
        self.selection = EvaluationWindows.of(source, few)
        self.validation = EvaluationWindows.of(source, starts)
        self.test = EvaluationWindows.of(source, source.starts["test"])

    def with_forecaster(self, forecaster: ForecasterConfig) -> Comparison:
        """The same comparison with another evaluator."""
        other = copy.copy(self)
        other.forecaster = forecaster
        return other

    def train(self, rows: Sequence[TrainedRow]) -> dict[str, RowResult]:
        """Train and score some rows, by name."""
        self.reporter.begin("evaluating", len(rows) * self.material.config.repeats)
        return {row.name: self.train_row(row) for row in rows}

    def train_row(self, row: TrainedRow) -> RowResult:
        """Train the evaluator on the data of a row, once per repeat, and score it.

        Raises:
            DivergenceError: It never reached a finite validation error.
        """
        config = self.material.config
        budget, patience = row.budget(config)
        fits, tests, validations = [], [], []
        seeds = [derive_seed(self.seed, "evaluate", repeat) for repeat in range(config.repeats)]
        # Made before, so that the peak is that of training and scoring.
        data = [row.data(self.material, seed) for seed in seeds]
        with PeakMemory() as memory:
            for own, seed in zip(data, seeds, strict=True):
                result = fit(
                    own,
                    lambda model: self._score(model, self.selection),
                    forecaster=self.forecaster,
                    shape=self.shape,
                    budget=budget,
                    seed=seed,
                    patience=patience,
                    device=self.material.device,
                )
                fits.append(result)
                validations.append(self._score(result.model, self.validation))
                tests.append(self._score(result.model, self.test))
                self.reporter.advance()
        trained = RowResult(
            test=Summary.of(tests),
            validation=Summary.of(validations),
            train_seconds=float(np.mean([f.train_seconds for f in fits])),
            peak_rss_mib=memory.peak_mib,
            optimizer_steps=fits[0].optimizer_steps,
            best_epochs=tuple(f.best_epoch for f in fits),
            num_parameters=fits[0].model.num_parameters(),
        )
        self.reporter.say(f"{self.forecaster.name}, {_row_line(row.title, trained, fits)}")
        return trained

    def closed_form(self) -> dict[str, RowResult]:
        """Fit and score all rows in closed form, by name."""
        return {row.name: self._fit_closed_form(row) for row in closed_form_rows()}

    def _fit_closed_form(self, row: ClosedFormRow) -> RowResult:
        with PeakMemory() as memory:
            model = row.forecaster(self.material.source)
            batch = model.windows_per_batch()
            test = self.test.score(model.predict, batch)
            validation = self.validation.score(model.predict, batch)
        return RowResult(Summary.of([test]), Summary.of([validation]), peak_rss_mib=memory.peak_mib)

    def _score(self, model: Forecaster, windows: EvaluationWindows) -> Metrics:
        return score_forecaster(model, windows, self.material.mean_window, self.material.device)


def _row_line(title: str, row: RowResult, fits: list[FitResult]) -> str:
    error = row.test.values["relative_rmse"]
    seconds = sum(f.total_seconds for f in fits)
    return (
        f"{title}: test relative RMSE {error['mean']:.3f} +- {error['std']:.3f} "
        f"({row.test.repeats} x {row.optimizer_steps} steps, {seconds:.0f} s)"
    )
