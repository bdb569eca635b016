"""Time splits and lazy windows.

Axis letters: T steps, W windows, L lookback, H horizon, N locations, F features of the series,
C calendar columns. Windows are never stored: a batch gathers them from the series when it is asked
for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.config import DataConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.mapped import discard
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


class WindowBase(Protocol):
    """The part of every forecast that needs no network, bound to the steps of one series."""

    def forecast(
        self,
        x: npt.NDArray[np.float32],
        starts: npt.NDArray[np.int64],
        locations: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.float32]:
        """Forecast windows.

        Args:
            x: (W, L, n, F) scaled inputs of the windows, without calendar.
            starts: (W,) first step of each window.
            locations: (n,) positions of the locations, None = all.

        Returns:
            (W, H, n) float32, scaled.
        """
        ...

    def take(self, steps: slice | npt.NDArray[np.int64]) -> Any:
        """The same base over some of the steps."""
        ...

    def select(self, locations: npt.NDArray[np.int64]) -> Any:
        """The same base of some of the locations, (n,) positions."""
        ...

    def average(self, weights: Any) -> Any:
        """The same base of means of locations; ``weights`` (K, N), rows sum to 1."""
        ...

    def own_part(self, x: Tensor) -> Tensor:
        """What the own lags contribute: differentiable, (W, L, n, F) to (W, H, n)."""
        ...

    def offset(
        self, starts: npt.NDArray[np.int64], locations: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.float32]:
        """All of the forecast that does not depend on the own lags: (W, H, n)."""
        ...


@dataclass(frozen=True)
class WindowBatch:
    """A batch of windows on one device.

    Args:
        x: (W, L, N, F + C) float32 inputs, scaled, calendar last; missing entries are 0 (the train
            mean).
        y: (W, H, N) float32 targets, scaled; missing entries are 0.
        observed: (W, H, N) bool, true = the target was observed; None = all were.
        base: (W, H, N) float32 forecasts of the base, scaled; None where there is none.
    """

    x: Tensor
    y: Tensor
    observed: Tensor | None
    base: Tensor | None = None

    def residual(self) -> Tensor:
        """What the base leaves for a network to learn, (W, H, N); the targets without a base."""
        return self.y if self.base is None else self.y - self.base


@dataclass(frozen=True)
class WindowedSeries:
    """A scaled series that hands out windows.

    Args:
        inputs: (T, N, F) float32, scaled, 0 where missing.
        input_mask: (T, N, F) bool or None, true = observed.
        target: Position of the forecast feature among the inputs.
        lookback: L.
        horizon: H.
        calendar: (T, C) float32 or None: known inputs, the same for every location. They are kept
            once and join the features of every location when a batch is gathered.
        base: Its forecasts come with every batch; None = networks forecast alone.
        graph: Between the N locations, where one was given.
    """

    inputs: npt.NDArray[np.float32]
    input_mask: npt.NDArray[np.bool_] | None
    target: int
    lookback: int
    horizon: int
    calendar: npt.NDArray[np.float32] | None = None
    base: WindowBase | None = None
    graph: LocationGraph | None = None

    @property
    def num_locations(self) -> int:
        """N."""
        return int(self.inputs.shape[1])

    @property
    def own_features(self) -> int:
        """F, the features of the series itself."""
        return int(self.inputs.shape[2])

    @property
    def num_covariates(self) -> int:
        """C."""
        return 0 if self.calendar is None else int(self.calendar.shape[1])

    @property
    def num_features(self) -> int:
        """F + C, the features of an input window."""
        return self.own_features + self.num_covariates

    def take(self, steps: slice | npt.NDArray[np.int64]) -> WindowedSeries:
        """Some of the steps only, in the order given."""
        return replace(
            self,
            inputs=self.inputs[steps],
            input_mask=None if self.input_mask is None else self.input_mask[steps],
            calendar=None if self.calendar is None else self.calendar[steps],
            base=None if self.base is None else self.base.take(steps),
        )

    def select(self, locations: npt.NDArray[np.int64]) -> WindowedSeries:
        """Some of the locations only, (n,) positions."""
        mask = None if self.input_mask is None else self.input_mask[:, locations]
        return replace(
            self,
            inputs=self.inputs[:, locations],
            input_mask=mask,
            base=None if self.base is None else self.base.select(locations),
            graph=self.graph_of(locations),
        )

    def graph_of(self, locations: npt.NDArray[np.int64] | None) -> LocationGraph | None:
        """The given graph between some of the locations, (n,) positions, None = all of them."""
        return self.graph if self.graph is None or locations is None else self.graph.take(locations)

    def discard(self) -> None:
        """Remove the files of a series that was derived; see :mod:`stemdist_ray.data.mapped`."""
        discard(self.inputs, self.input_mask)

    def head(self, steps: int) -> WindowedSeries:
        """The first steps only."""
        return self.take(slice(0, steps))

    def batch(
        self,
        starts: npt.NDArray[np.int64],
        locations: npt.NDArray[np.int64] | None = None,
        device: torch.device | str = "cpu",
    ) -> WindowBatch:
        """Gather windows.

        Args:
            starts: (W,) first step of each window.
            locations: Positions of the locations wanted, None = all.
            device: Where the batch should live.
        """
        rows_in = starts[:, None] + np.arange(self.lookback)
        at: Any = rows_in if locations is None else (rows_in[:, :, None], locations)
        x = self.inputs[at]
        y, seen = self.targets(starts, locations)
        base = None if self.base is None else self.base.forecast(x, starts, locations)
        if self.calendar is not None:
            x = append_calendar(x, self.calendar[rows_in])
        return WindowBatch(
            x=_to(x, device),
            y=_to(y, device),
            observed=None if seen is None else _to(seen, device),
            base=None if base is None else _to(base, device),
        )

    def targets(
        self, starts: npt.NDArray[np.int64], locations: npt.NDArray[np.int64] | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_] | None]:
        """Gather the targets of windows, and which were observed: (W, H, n), None = all were.

        Args:
            starts: (W,) first step of each window.
            locations: (n,) positions of the locations wanted, None = all.
        """
        rows = starts[:, None] + self.lookback + np.arange(self.horizon)
        at: Any = rows if locations is None else (rows[:, :, None], locations)
        y = self.inputs[:, :, self.target][at]
        return y, None if self.input_mask is None else self.input_mask[:, :, self.target][at]

    def mean_window(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the mean input window of every location, over observed entries.

        Args:
            starts: (W,) window starts, increasing (one split).

        Returns:
            (N, L, F + C) float32; 0 where a location was never observed.
        """
        first, count = int(starts[0]), len(starts)
        is_one_run = int(starts[-1]) - first + 1 == count
        own = self.own_features
        out = np.empty((self.num_locations, self.lookback, self.num_features), np.float32)
        for offset in range(self.lookback):
            rows: Any = starts + offset
            if is_one_run:
                rows = slice(first + offset, first + offset + count)  # without a copy
            total = self.inputs[rows].sum(axis=0, dtype=np.float64)
            if self.input_mask is None:
                out[:, offset, :own] = total / count
            else:
                seen = self.input_mask[rows].sum(axis=0)
                out[:, offset, :own] = total / np.maximum(seen, 1)
            if self.calendar is not None:
                out[:, offset, own:] = self.calendar[rows].mean(axis=0)
        return out


def append_calendar(
    x: npt.NDArray[np.float32], calendar: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Join calendar columns to the features of every location.

    Args:
        x: (W, L, N, F).
        calendar: (W, L, C).

    Returns:
        (W, L, N, F + C) float32.
    """
    shape = (*x.shape[:3], calendar.shape[2])
    return np.concatenate([x, np.broadcast_to(calendar[:, :, None], shape)], axis=3)


def _to(array: npt.NDArray[np.generic], device: torch.device | str) -> Tensor:
    # Indexing with arrays made a fresh, writable copy, so sharing its memory is safe.
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if torch.device(device).type == "cuda":
        tensor = tensor.pin_memory()  # so that the copy runs beside the GPU's work
    return tensor.to(device, non_blocking=True)


def split_bounds(
    steps: int, shares: tuple[float, float, float]
) -> dict[SplitName, tuple[int, int]]:
    """Cut T steps in time order; returns [start, stop) per split."""
    first = round(steps * shares[0])
    second = round(steps * (shares[0] + shares[1]))
    return {"train": (0, first), "val": (first, second), "test": (second, steps)}


def window_starts(bounds: tuple[int, int], lookback: int, horizon: int) -> npt.NDArray[np.int64]:
    """Starts of all windows that lie wholly inside [start, stop)."""
    start, stop = bounds
    return np.arange(start, max(start, stop - lookback - horizon + 1), dtype=np.int64)


def split_starts(
    name: str, steps: int, config: DataConfig
) -> tuple[dict[SplitName, npt.NDArray[np.int64]], int]:
    """Window starts of every split of a series called ``name``, and the steps of train.

    Raises:
        DataError: A split is too short for one window.
    """
    bounds = split_bounds(steps, config.split)
    starts: dict[SplitName, npt.NDArray[np.int64]] = {}
    for split in SPLITS:
        starts[split] = window_starts(bounds[split], config.lookback, config.horizon)
        if len(starts[split]) == 0:
            length = bounds[split][1] - bounds[split][0]
            raise DataError(
                f"{name}: the {split} split has {length} steps but one window needs "
                f"{config.lookback} + {config.horizon}; use a longer series, a smaller "
                "lookback or horizon, or another data.split"
            )
    return starts, bounds["train"][1]


def evenly_spaced(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """Positions of ``min(wanted, count)`` distinct, evenly spaced items out of ``count``."""
    wanted = min(wanted, count)
    return np.floor((np.arange(wanted) + 0.5) * count / wanted).astype(np.int64)


def resolve_target(series: SpatioTemporalSeries, target: str | int) -> int:
    """Return the position of the feature to forecast.

    Raises:
        DataError: There is no such feature.
    """
    names = series.feature_names
    if isinstance(target, str) and target in names:
        return names.index(target)
    if isinstance(target, int) and 0 <= target < len(names):
        return target
    raise DataError(f"{series.name}: no feature {target!r} to forecast; there are {list(names)}")
