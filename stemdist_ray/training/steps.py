"""What is trained on, step by step: a small data set, sampled full data, or all of them.

Whatever it is, it hands out steps; :mod:`stemdist_ray.training.engine` does not know which it has.
Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.training.losses import location_weights
from stemdist_ray.training.partition import random_partition

if TYPE_CHECKING:  # it brings all readers, which a served forecaster needs none of
    from stemdist_ray.data.prepared import PreparedSource


@dataclass(frozen=True)
class TrainingStep:
    """One optimiser step's worth of data, on the training device.

    Args:
        x: (W, L, N, F) scaled inputs, calendar included.
        y: (W, H, N) scaled targets; what the base leaves of them where there is one.
        mean_window: (N, L, F) mean window of each location, for its encoder.
        weights: (N,) loss weights, mean 1; (W, 1, N) where windows count differently, too.
        observed: (W, H, N) bool or None.
        graph: Between the N locations, where one was given.
        told: Is given the mean squared errors of the windows, (W,), when the step is taken; those
            of a step that is cut into pieces piece by piece.
    """

    x: Tensor
    y: Tensor
    mean_window: Tensor
    weights: Tensor
    observed: Tensor | None
    graph: LocationGraph | None = None
    told: Callable[[Tensor], None] | None = None

    def every(self, size: int, first: int) -> TrainingStep:
        """The windows at ``first``, ``first + size``, ...: one worker's part of the step."""
        return self._rows(slice(first, None, size))

    def targets(self) -> int:
        """How many observed targets the step holds."""
        return self.y.numel() if self.observed is None else int(self.observed.count_nonzero())

    def pieces(self, size: int) -> Iterator[tuple[float, TrainingStep]]:
        """Cut the windows into pieces, so that a large step needs the memory of a small one.

        Args:
            size: Windows per piece at most.

        Yields:
            The share of the observed targets that a piece holds, and the piece: the step's loss
            is the sum of share times loss over its pieces.
        """
        if size >= len(self.x):
            yield 1.0, self
            return
        total = self.targets()
        for first in range(0, len(self.x), size):
            piece = self._rows(slice(first, first + size))
            yield piece.targets() / max(total, 1), piece

    def _rows(self, rows: slice) -> TrainingStep:
        """Some of the windows."""
        seen = None if self.observed is None else self.observed[rows]
        weights = self.weights[rows] if self.weights.ndim == 3 else self.weights
        return replace(self, x=self.x[rows], y=self.y[rows], weights=weights, observed=seen)


class TrainingData(Protocol):
    """Data that are trained on."""

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield the steps of one epoch: one pass over the data."""
        ...


def mean_window_of(x: Tensor) -> Tensor:
    """Mean window of synthetic locations, from all of their windows: (W, L, N, F) to (N, L, F)."""
    return x.mean(dim=0).transpose(0, 1)


class FixedWindows:
    """A small data set in memory, visited in K random location subsets per epoch.

    Used for distilled data, for the unlearned start and for the random real
    subset alike, so that all of them get the same number and size of steps.

    Args:
        x: (W, L, N, F) float32.
        y: (W, H, N) float32; what the base leaves of the targets where there is one.
        cluster_size: (N,) weights before normalising; ones for plain locations.
        subsets: K.
        observed: (W, H, N) bool or None.
        device: Where to train.
        mean_window: (N, L, F) for the encoder; None = the mean of ``x``.
        graph: Between the N locations, where one was given.
        window_weights: (W,) of the windows, mean 1; None = all count the same.
    """

    def __init__(
        self,
        x: npt.NDArray[np.float32],
        y: npt.NDArray[np.float32],
        cluster_size: npt.NDArray[np.int64] | npt.NDArray[np.float64],
        subsets: int,
        observed: npt.NDArray[np.bool_] | None = None,
        device: torch.device | str = "cpu",
        mean_window: npt.NDArray[np.float32] | None = None,
        graph: LocationGraph | None = None,
        window_weights: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.x, self.y = torch.tensor(x, device=device), torch.tensor(y, device=device)
        self.observed = None if observed is None else torch.tensor(observed, device=device)
        self.size = torch.tensor(cluster_size, dtype=torch.float32, device=device)
        self.subsets, self.graph = subsets, graph
        self.mean_window = mean_window_of(self.x)
        if mean_window is not None:
            self.mean_window = torch.tensor(mean_window, device=device)
        self.window_weights: Tensor | None = None
        if window_weights is not None:
            rows = torch.tensor(window_weights, dtype=torch.float32, device=device)
            self.window_weights = rows[:, None, None]

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield K steps, all windows each, locations cut at random."""
        for part in random_partition(len(self.size), self.subsets, rng):
            at = torch.as_tensor(part, device=self.x.device)
            weights = location_weights(self.size[at])
            if self.window_weights is not None:
                weights = self.window_weights * weights
            yield TrainingStep(
                x=self.x[:, :, at],
                y=self.y[:, :, at],
                mean_window=self.mean_window[at],
                weights=weights,
                observed=None if self.observed is None else self.observed[:, :, at],
                graph=None if self.graph is None else self.graph.take(part),
            )


@dataclass(frozen=True)
class SampledWindows:
    """Full data, each step a random set of windows and locations.

    Args:
        windows: Scaled series of all N locations.
        starts: Window starts of the train split.
        mean_window: (N, L, F) mean train windows.
        num_windows: Windows per step.
        num_locations: Locations per step.
        steps: Steps per epoch.
        device: Where to train.
    """

    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    mean_window: npt.NDArray[np.float32]
    num_windows: int
    num_locations: int
    steps: int
    device: torch.device | str = "cpu"

    @classmethod
    def like_distilled(
        cls,
        source: PreparedSource,
        mean_window: npt.NDArray[np.float32],
        num_windows: int,
        num_locations: int,
        subsets: int,
        device: torch.device | str,
    ) -> SampledWindows:
        """Sample train windows with as many and as large steps as distilled data would give.

        Args:
            source: The prepared real series.
            mean_window: (N, L, F) mean train windows.
            num_windows: Windows of the distilled data.
            num_locations: Locations of the distilled data.
            subsets: K.
            device: Where to train.
        """
        return cls(
            windows=source.windows,
            starts=source.starts["train"],
            mean_window=mean_window,
            num_windows=num_windows,
            num_locations=max(1, round(num_locations / subsets)),
            steps=min(subsets, num_locations),
            device=device,
        )

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield ``steps`` steps."""
        for _ in range(self.steps):
            locations = rng.choice(self.windows.num_locations, self.num_locations, replace=False)
            starts = self.starts[rng.choice(len(self.starts), self.num_windows, replace=False)]
            yield full_step(
                self.windows, np.sort(starts), np.sort(locations), self.mean_window, self.device
            )


@dataclass(frozen=True)
class FullData:
    """All locations in every step, all train windows once per epoch.

    Args:
        windows: Scaled series of all N locations.
        starts: Window starts of the train split.
        mean_window: (N, L, F) mean train windows.
        batch: Windows per step.
        device: Where to train.
        size: Workers that share every step.
        rank: Which of them this is: it gathers every ``size``-th window from the ``rank``-th on.
    """

    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    mean_window: npt.NDArray[np.float32]
    batch: int
    device: torch.device | str = "cpu"
    size: int = 1
    rank: int = 0

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield one shuffled pass over the train windows."""
        order = rng.permutation(self.starts)
        batches = [order[i : i + self.batch] for i in range(0, len(order), self.batch)]

        def gather(starts: npt.NDArray[np.int64]) -> TrainingStep:
            own = starts[self.rank :: self.size]
            return full_step(self.windows, own, None, self.mean_window, self.device)

        yield from one_ahead(gather, batches)


def one_ahead(
    gather: Callable[[npt.NDArray[np.int64]], TrainingStep],
    batches: Sequence[npt.NDArray[np.int64]],
) -> Iterator[TrainingStep]:
    """Gather each batch in a thread while the one before it trains."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[TrainingStep]] = deque()
        for starts in batches:
            waiting.append(pool.submit(gather, starts))
            if len(waiting) == 2:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def full_step(
    windows: WindowedSeries,
    starts: npt.NDArray[np.int64],
    locations: npt.NDArray[np.int64] | None,
    mean_window: npt.NDArray[np.float32],
    device: torch.device | str,
) -> TrainingStep:
    """Gather one step of real data with equal weights.

    Args:
        windows: Scaled series of all N locations.
        starts: (W,) window starts.
        locations: (n,) positions of the locations wanted, None = all.
        mean_window: (N, L, F) mean train windows of all locations.
        device: Where to train.

    Returns:
        x (W, L, n, F), y (W, H, n), mean_window (n, L, F), weights (n,) ones.
    """
    batch = windows.batch(starts, locations, device)
    some = mean_window if locations is None else mean_window[locations]
    return TrainingStep(
        x=batch.x,
        y=batch.residual(),
        mean_window=torch.tensor(some, device=device),
        weights=torch.ones(batch.x.shape[2], device=device),
        observed=batch.observed,
        graph=windows.graph_of(locations),
    )
