"""Whether there is anything to forecast: targets that were observed and that vary.

A split whose targets are all missing, or all the same, has no relative error: that divides by
their spread. Training on it ends in something that looks like a bad learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.mapped import read_rows
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.windows import SplitName, WindowedSeries
from stemdist_ray.errors import DataError

_STEPS_PER_BLOCK = 1024  # bounds what is in memory of a series in mapped files


def with_targets(
    windows: WindowedSeries, starts: Mapping[SplitName, npt.NDArray[np.int64]]
) -> dict[SplitName, npt.NDArray[np.int64]]:
    """Leave out windows whose targets were not observed at all: they can teach and test nothing.

    A split that has no other windows keeps its own; :func:`check_targets` tells.
    """
    mask = windows.input_mask
    if mask is None:
        return dict(starts)
    seen = np.empty(len(mask), np.int64)
    for begin in range(0, len(mask), _STEPS_PER_BLOCK):
        rows = slice(begin, begin + _STEPS_PER_BLOCK)
        seen[rows] = read_rows(mask, rows)[:, :, windows.target].any(axis=1)
    before = np.concatenate([[0], np.cumsum(seen)])
    kept: dict[SplitName, npt.NDArray[np.int64]] = {}
    for split, own in starts.items():
        first = own + windows.lookback
        some = own[before[first + windows.horizon] > before[first]]
        kept[split] = some if len(some) else own
    return kept


def check_targets(
    windows: WindowedSeries,
    starts: Mapping[SplitName, npt.NDArray[np.int64]],
    scaler: Scaler,
    series: str,
    target_name: str,
) -> None:
    """Make sure that every split has targets that were observed and are not all the same.

    Args:
        windows: The scaled series.
        starts: Window starts per split.
        scaler: Of its features.
        series: Its name, for messages.
        target_name: Of the forecast feature.

    Raises:
        DataError: A split has no such targets.
    """
    for split, own in starts.items():
        first = int(own[0]) + windows.lookback
        last = int(own[-1]) + windows.lookback + windows.horizon
        low, high = _range(windows, first, last)
        what = f"{series}: the target {target_name!r}"
        where = f"in the {split} split (steps {first} to {last - 1})"
        if low > high:
            raise DataError(
                f"{what} is never observed {where}; use steps in which it is, another data.split, "
                "or another data.target"
            )
        if low == high:
            value = float(scaler.inverse(np.asarray([low], np.float32), windows.target)[0])
            raise DataError(
                f"{what} is {value:g} in all observed entries {where}; there is nothing to "
                "forecast. Use steps in which it varies, or another data.target"
            )


def _range(windows: WindowedSeries, first: int, last: int) -> tuple[float, float]:
    """Smallest and largest observed target of some steps, scaled; (inf, -inf) where none is."""
    low, high = math.inf, -math.inf
    for begin in range(first, last, _STEPS_PER_BLOCK):
        rows = slice(begin, min(last, begin + _STEPS_PER_BLOCK))
        values = read_rows(windows.inputs, rows)[:, :, windows.target]
        if windows.input_mask is not None:
            values = values[read_rows(windows.input_mask, rows)[:, :, windows.target]]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        if low < high:
            break  # what follows cannot change the answer
    return low, high
