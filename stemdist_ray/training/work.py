"""From a prepared source to what the workers of a training are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import TrainConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import WindowedSeries, evenly_spaced
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.training.loop import TrainingWork
from stemdist_ray.training.steps import FixedWindows, FullData, TrainingData, TrainingStep


@dataclass(frozen=True)
class DistilledWindows:
    """The windows of a distilled data set.

    Args:
        x: (W, L, K, F) scaled.
        y: (W, H, K) scaled.
        cluster_size: (K,) loss weights.
        graph: Between the K clusters, where one was given.
        window_weights: (W,) of the windows in a loss, mean 1; None = all count the same.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    graph: LocationGraph | None = None
    window_weights: npt.NDArray[np.float64] | None = None


class _Dealt:
    """Data whose steps are cut down to the windows of one worker."""

    def __init__(self, data: TrainingData, size: int, rank: int) -> None:
        self.data, self.size, self.rank = data, size, rank

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield this worker's part of the steps of one epoch."""
        for step in self.data.epoch(rng):
            yield step.every(self.size, self.rank)


@dataclass(frozen=True)
class _DistilledData:
    windows: DistilledWindows
    subsets: int

    def __call__(self, rank: int, size: int, device: str) -> TrainingData:
        own = self.windows
        fixed = FixedWindows(
            own.x,
            own.y,
            own.cluster_size,
            self.subsets,
            device=device,
            graph=own.graph,
            window_weights=own.window_weights,
        )
        return fixed if size == 1 else _Dealt(fixed, size, rank)


@dataclass(frozen=True)
class _AllData:
    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    mean_window: npt.NDArray[np.float32]
    batch: int

    def __call__(self, rank: int, size: int, device: str) -> TrainingData:
        return FullData(
            self.windows, self.starts, self.mean_window, self.batch, device, size=size, rank=rank
        )


def training_work(
    config: TrainConfig, source: PreparedSource, distilled: DistilledWindows | None, data_hash: str
) -> TrainingWork:
    """Collect what the workers need: train windows, validation windows, settings.

    Args:
        config: The training.
        source: The prepared real series.
        distilled: What to train on; None = the train split of the series.
        data_hash: Of the series, and of the distilled data where there are any.
    """
    mean_window, starts = source.mean_window(), source.starts["val"]
    chosen = starts[evenly_spaced(len(starts), config.training.validation_windows)]
    data: _DistilledData | _AllData
    if distilled is not None:
        data = _DistilledData(distilled, config.training.subsets)
    else:
        # The later splits need not travel to the workers.
        train = source.windows.head(source.train_steps)
        data = _AllData(train, source.starts["train"], mean_window, config.training.batch)
    graph = source.windows.graph
    given = {} if graph is None else {"training.graph": graph.digest()}
    return TrainingWork(
        data=data,
        selection=EvaluationWindows.of(source, chosen).compact(),
        mean_window=mean_window,
        shape=WindowShape.of(source.windows),
        forecaster=config.forecaster,
        training=config.training,
        seed=config.seed,
        deciding={**config.deciding(), "readings": data_hash, **given},
    )
