"""Time splits and lazy windows.

Axis letters: T steps, W windows, L lookback, H horizon, N locations, F features.
Windows are never stored: a batch gathers them from the series when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.config import DataConfig
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class WindowBatch:
    """A batch of windows on one device.

    Args:
        x: (W, L, N, F) float32 inputs, scaled; missing entries are 0 (the train mean).
        y: (W, H, N) float32 targets, scaled; missing entries are 0.
        observed: (W, H, N) bool, true = the target was observed; None = all were.
    """

    x: Tensor
    y: Tensor
    observed: Tensor | None


@dataclass(frozen=True)
class WindowedSeries:
    """A scaled series that hands out windows.

    Args:
        inputs: (T, N, F) float32, scaled, 0 where missing.
        input_mask: (T, N, F) bool or None, true = observed.
        target: Position of the forecast feature among the inputs.
        lookback: L.
        horizon: H.
    """

    inputs: npt.NDArray[np.float32]
    input_mask: npt.NDArray[np.bool_] | None
    target: int
    lookback: int
    horizon: int

    @property
    def num_locations(self) -> int:
        """N."""
        return int(self.inputs.shape[1])

    @property
    def num_features(self) -> int:
        """F."""
        return int(self.inputs.shape[2])

    def head(self, steps: int) -> WindowedSeries:
        """The first steps only."""
        mask = None if self.input_mask is None else self.input_mask[:steps]
        return replace(self, inputs=self.inputs[:steps], input_mask=mask)

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
        rows_out = starts[:, None] + self.lookback + np.arange(self.horizon)
        target = self.inputs[:, :, self.target]
        mask = None if self.input_mask is None else self.input_mask[:, :, self.target]
        if locations is None:
            x, y = self.inputs[rows_in], target[rows_out]
            seen = None if mask is None else mask[rows_out]
        else:
            into, out = rows_in[:, :, None], rows_out[:, :, None]
            x, y = self.inputs[into, locations], target[out, locations]
            seen = None if mask is None else mask[out, locations]
        return WindowBatch(
            x=_to(x, device), y=_to(y, device), observed=None if seen is None else _to(seen, device)
        )

    def mean_window(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the mean input window of every location, over observed entries.

        Args:
            starts: (W,) consecutive window starts (one split).

        Returns:
            (N, L, F) float32; 0 where a location was never observed.
        """
        first, count = int(starts[0]), len(starts)
        if int(starts[-1]) - first + 1 != count:
            raise DataError("mean_window needs consecutive window starts; found gaps")
        out = np.empty((self.num_locations, self.lookback, self.num_features), np.float32)
        for offset in range(self.lookback):
            rows = slice(first + offset, first + offset + count)
            total = self.inputs[rows].sum(axis=0, dtype=np.float64)
            if self.input_mask is None:
                out[:, offset] = total / count
            else:
                seen = self.input_mask[rows].sum(axis=0)
                out[:, offset] = total / np.maximum(seen, 1)
        return out


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
