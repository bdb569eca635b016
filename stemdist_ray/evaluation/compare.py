"""The result table: one forecaster, several training data, equal budgets, trivial rows beside it.

Protocol ``fair``: every row gets the same number of optimiser steps. The distilled data, the
unlearned start and the random real subset have the same bytes; node sampling sees all data but uses
as many windows and locations per step as a distilled step. Protocol ``paper``: K subset steps per
epoch on the distilled data, one step on all locations of the others. The step is chosen on
validation windows; the test split is read once per trained model, at the end.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemdist_ray.clustering.aggregate import cluster_series, without_gaps
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import EvaluationConfig, ForecasterConfig
from stemdist_ray.data.windows import PreparedData, evenly_spaced
from stemdist_ray.evaluation.fit import FitResult, fit
from stemdist_ray.evaluation.metrics import Metrics, Summary
from stemdist_ray.evaluation.naive import NAIVE
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.evaluation.sources import FixedWindows, FullData, NodeSampling, TrainingSource
from stemdist_ray.forecasters.base import Forecaster, WindowShape
from stemdist_ray.memory import PeakMemory
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed, numpy_generator


@dataclass(frozen=True)
class MethodResult:
    """One row of the table.

    Args:
        test: Metrics on the test split.
        validation: Metrics on the whole validation split.
        train_seconds: Seconds in training steps, mean over repeats.
        peak_rss_mib: Peak resident memory while training and judging.
        optimizer_steps: Steps per repeat.
        best_epochs: Epoch kept, per repeat.
        num_parameters: Of the trained model; 0 for naive rows.
    """

    test: Summary
    validation: Summary
    train_seconds: float = 0.0
    peak_rss_mib: float = 0.0
    optimizer_steps: int = 0
    best_epochs: tuple[int, ...] = ()
    num_parameters: int = 0

    def to_json(self) -> dict[str, object]:
        """Test metrics at top level, the rest beside them."""
        return {
            **self.test.to_json(),
            "validation": self.validation.to_json(),
            "train_seconds": self.train_seconds,
            "peak_rss_mib": self.peak_rss_mib,
            "optimizer_steps": self.optimizer_steps,
            "best_epochs": list(self.best_epochs),
            "num_parameters": self.num_parameters,
        }


@dataclass(frozen=True)
class Distilled:
    """The parts of an artifact that evaluation needs.

    Args:
        x: (W, L, K, F) scaled.
        y: (W, H, K) scaled.
        clustering: Of the real locations.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    clustering: Clustering


class Comparison:
    """Trains and judges the rows of the table.

    Args:
        data: The prepared real series.
        distilled: What is being judged.
        config: Budget.
        forecaster: The evaluator.
        seed: Repeat i of every row uses the same derived seed.
        device: Where to train.
        reporter: Is told about each finished training.
    """

    def __init__(
        self,
        data: PreparedData,
        distilled: Distilled,
        config: EvaluationConfig,
        forecaster: ForecasterConfig,
        seed: int,
        device: str,
        reporter: Reporter,
    ) -> None:
        self.data, self.distilled, self.config = data, distilled, config
        self.forecaster, self.seed, self.device = forecaster, seed, device
        self.reporter = reporter
        self.shape = WindowShape.of(data.windows)
        self.context = data.encoder_input()
        chosen = data.starts["val"]
        few = chosen[evenly_spaced(len(chosen), config.validation_windows)]
        self.selection = EvaluationWindows.of(data, few)
        self.validation = EvaluationWindows.of(data, chosen)
        self.test = EvaluationWindows.of(data, data.starts["test"])

    def with_forecaster(self, forecaster: ForecasterConfig) -> Comparison:
        """The same comparison with another evaluator."""
        other = copy.copy(self)
        other.forecaster = forecaster
        return other

    def distilled_row(self) -> MethodResult:
        """Train on the distilled data."""
        sizes, d = self.distilled.clustering.cluster_size, self.distilled
        source = FixedWindows(d.x, d.y, sizes, self.config.subsets, device=self.device)
        return self._row("distilled", lambda _: source)

    def random_subset_row(self) -> MethodResult:
        """Train on as many random windows and locations, drawn anew per repeat."""
        series, starts = self.data.windows, self.data.starts["train"]

        def source(seed: int) -> TrainingSource:
            rng = numpy_generator(seed, "random subset")
            windows, _, locations, _ = self.distilled.x.shape
            rows = np.sort(rng.choice(starts, windows, replace=False))
            columns = np.sort(rng.choice(series.num_locations, locations, replace=False))
            batch = series.batch(rows, columns)
            seen = None if batch.observed is None else batch.observed.numpy()
            ones = np.ones(locations, np.int64)
            return self._fixed(batch.x.numpy(), batch.y.numpy(), ones, seen)

        return self._row("random subset", source)

    def centroid_row(self) -> MethodResult:
        """Train on the unlearned start: cluster centroids in evenly spaced windows."""
        starts, clustering = self.data.starts["train"], self.distilled.clustering
        train = self.data.windows.head(self.data.train_steps)
        centroids = without_gaps(cluster_series(train, clustering))
        batch = centroids.batch(starts[evenly_spaced(len(starts), len(self.distilled.x))])
        x, y, sizes = batch.x.numpy(), batch.y.numpy(), clustering.cluster_size
        return self._row("centroids, unlearned", lambda _: self._fixed(x, y, sizes))

    def node_sampled_row(self) -> MethodResult:
        """Train on the full data, as many windows and locations per step as a distilled step."""
        windows, _, locations, _ = self.distilled.x.shape
        source = NodeSampling.like_distilled(
            self.data, self.context, windows, locations, self._rival_subsets(), self.device
        )
        return self._row("full data, node-sampled", lambda _: source)

    def full_data_row(self) -> MethodResult:
        """Train on all data until validation stops improving."""
        source = FullData(
            windows=self.data.windows,
            starts=self.data.starts["train"],
            context=self.context,
            batch=self.config.full_data_batch,
            device=self.device,
        )
        return self._row("full data", lambda _: source, full=True)

    def naive_rows(self) -> dict[str, MethodResult]:
        """Fit and judge the trivial forecasters."""
        rows = {}
        for kind in NAIVE:
            with PeakMemory() as memory:
                model = kind(self.data)
                test, validation = model.score(self.test), model.score(self.validation)
            rows[kind.name] = MethodResult(
                Summary.of([test]), Summary.of([validation]), peak_rss_mib=memory.peak_mib
            )
        return rows

    def _fixed(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.float32],
        sizes: npt.NDArray[np.int64],
        observed: npt.NDArray[np.bool_] | None = None,
    ) -> FixedWindows:
        subsets = self._rival_subsets()
        return FixedWindows(x, y, sizes, subsets, observed=observed, device=self.device)

    def _rival_subsets(self) -> int:
        """Steps per epoch on data that are not distilled."""
        return self.config.subsets if self.config.protocol == "fair" else 1

    def _row(
        self, name: str, source: Callable[[int], TrainingSource], full: bool = False
    ) -> MethodResult:
        config, fits, tests, validations = self.config, [], [], []
        with PeakMemory() as memory:
            for repeat in range(config.repeats):
                seed = derive_seed(self.seed, "evaluate", repeat)
                result = fit(
                    source(seed),
                    self._judge(self.selection),
                    forecaster=self.forecaster,
                    shape=self.shape,
                    epochs=config.full_data_epochs if full else config.epochs,
                    check_every=1 if full else config.check_every,
                    learning_rate=config.learning_rate,
                    averaging=config.averaging,
                    seed=seed,
                    patience=config.full_data_patience if full else None,
                    device=self.device,
                )
                fits.append(result)
                validations.append(self._judge(self.validation)(result.model))
                tests.append(self._judge(self.test)(result.model))
                self.reporter.advance()
        row = MethodResult(
            test=Summary.of(tests),
            validation=Summary.of(validations),
            train_seconds=float(np.mean([f.train_seconds for f in fits])),
            peak_rss_mib=memory.peak_mib,
            optimizer_steps=fits[0].optimizer_steps,
            best_epochs=tuple(f.best_epoch for f in fits),
            num_parameters=fits[0].model.num_parameters(),
        )
        self.reporter.say(f"{self.forecaster.name}, {_row_line(name, row, fits)}")
        return row

    def _judge(self, windows: EvaluationWindows) -> Callable[[Forecaster], Metrics]:
        return lambda model: score_forecaster(model, windows, self.context, self.device)


def _row_line(name: str, row: MethodResult, fits: list[FitResult]) -> str:
    error = row.test.values["relative_rmse"]
    seconds = sum(f.total_seconds for f in fits)
    return (
        f"{name}: test relative RMSE {error['mean']:.3f} +- {error['std']:.3f} "
        f"({row.test.repeats} x {row.optimizer_steps} steps, {seconds:.0f} s)"
    )
