"""From prepared data to what the workers of a training are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.windows import PreparedData, WindowedSeries, evenly_spaced
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.evaluation.sources import FixedWindows, FullData, TrainingSource, TrainingStep
from stemdist_ray.forecasters.base import WindowShape
from stemdist_ray.training.config import TrainConfig
from stemdist_ray.training.loop import TrainingWork


@dataclass(frozen=True)
class DistilledWindows:
    """The windows of a distilled data set.

    Args:
        x: (W, L, K, F) scaled.
        y: (W, H, K) scaled.
        cluster_size: (K,) loss weights.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64]


class _Dealt:
    """A source whose steps are cut down to the windows of one worker."""

    def __init__(self, source: TrainingSource, size: int, rank: int) -> None:
        self.source, self.size, self.rank = source, size, rank

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield this worker's part of the steps of one epoch."""
        for step in self.source.epoch(rng):
            yield step.every(self.size, self.rank)


@dataclass(frozen=True)
class _DistilledSource:
    data: DistilledWindows
    subsets: int

    def __call__(self, rank: int, size: int, device: str) -> TrainingSource:
        data = self.data
        fixed = FixedWindows(data.x, data.y, data.cluster_size, self.subsets, device=device)
        return fixed if size == 1 else _Dealt(fixed, size, rank)


@dataclass(frozen=True)
class _FullSource:
    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    context: npt.NDArray[np.float32]
    batch: int

    def __call__(self, rank: int, size: int, device: str) -> TrainingSource:
        return FullData(
            self.windows, self.starts, self.context, self.batch, device, size=size, rank=rank
        )


def training_work(
    config: TrainConfig, data: PreparedData, distilled: DistilledWindows | None, data_hash: str
) -> TrainingWork:
    """Collect what the workers need: train windows, validation windows, settings.

    Args:
        config: The training.
        data: The prepared real series.
        distilled: What to train on; None = the train split of the series.
        data_hash: Of the series, and of the distilled data where there are any.
    """
    context, starts = data.encoder_input(), data.starts["val"]
    chosen = starts[evenly_spaced(len(starts), config.training.validation_windows)]
    source: _DistilledSource | _FullSource
    if distilled is not None:
        source = _DistilledSource(distilled, config.training.subsets)
    else:
        # The later splits need not travel to the workers.
        train = data.windows.head(data.train_steps)
        source = _FullSource(train, data.starts["train"], context, config.training.batch)
    return TrainingWork(
        source=source,
        selection=EvaluationWindows.of(data, chosen).compact(),
        context=context,
        shape=WindowShape.of(data.windows),
        forecaster=config.forecaster,
        training=config.training,
        seed=config.seed,
        data_hash=data_hash,
    )
