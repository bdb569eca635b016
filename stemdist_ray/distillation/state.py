"""The synthetic data with their optimiser state, cut by location.

Axis letters: W windows, L lookback, H horizon, K synthetic locations, F features, C calendar
columns.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.windows import append_calendar
from stemdist_ray.forecasters.closed_form.base_model import own_map
from stemdist_ray.system.arrays import tensor_of

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SyntheticState:
    """What the outer optimiser owns, for all synthetic locations or a slice of them.

    Args:
        x: (W, L, K, F) synthetic inputs, scaled.
        y: (W, H, K) synthetic targets, scaled.
        x_first: Adam's first moment of ``x``.
        x_second: Adam's second moment of ``x``.
        y_first: Adam's first moment of ``y``.
        y_second: Adam's second moment of ``y``.
        updates: (K,) int64, Adam steps taken per synthetic location.
    """

    x: Array
    y: Array
    x_first: Array
    x_second: Array
    y_first: Array
    y_second: Array
    updates: npt.NDArray[np.int64]

    @classmethod
    def fresh(cls, x: Array, y: Array) -> SyntheticState:
        """Start from given data with an empty optimiser state.

        Args:
            x: (W, L, K, F) float32, scaled.
            y: (W, H, K) float32, scaled.
        """
        updates = np.zeros(x.shape[2], dtype=np.int64)
        zero_x, zero_y = np.zeros_like(x), np.zeros_like(y)
        return cls(x, y, zero_x, zero_x.copy(), zero_y, zero_y.copy(), updates)

    @property
    def num_locations(self) -> int:
        """K."""
        return int(self.x.shape[2])

    @property
    def num_windows(self) -> int:
        """W."""
        return int(self.x.shape[0])

    def take(self, locations: npt.NDArray[np.int64]) -> SyntheticState:
        """Copy the slice of some locations.

        Args:
            locations: (k,) positions among the K synthetic locations.

        Returns:
            x (W, L, k, F), y (W, H, k), their moments, and updates (k,).
        """
        return SyntheticState(
            **{f.name: getattr(self, f.name)[_at(f.name, locations)].copy() for f in fields(self)}
        )

    def put(self, pieces: list[tuple[npt.NDArray[np.int64], SyntheticState]]) -> SyntheticState:
        """Return a copy in which each piece has replaced the slice at its locations.

        Args:
            pieces: (k,) positions and a state of k locations each, as :meth:`take` cuts them;
                of positions that occur twice the last piece counts.
        """
        arrays = {f.name: getattr(self, f.name).copy() for f in fields(self)}
        for locations, piece in pieces:
            for name, array in arrays.items():
                array[_at(name, locations)] = getattr(piece, name)
        return SyntheticState(**arrays)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """All arrays by name, for a checkpoint."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class KnownParts:
    """What is known of the synthetic windows and never learned.

    The base of a forecast is affine in a window's own lags, so it stays exact while these are
    learned: base = own map of the lags + offset.

    Args:
        calendar: (W, L, C) calendar columns, None where there are none.
        offset: (W, H, K) float32 what the base adds besides; None without a base.
        own: (H, L F) float32 the base's map of the own lags; None without a base.
        weights: (W,) float64 how much each window counts in a loss, mean 1; None = all the same.
    """

    calendar: Array | None = None
    offset: Array | None = None
    own: Array | None = None
    weights: npt.NDArray[np.float64] | None = None

    def take(self, locations: npt.NDArray[np.int64]) -> KnownParts:
        """Those of some of the synthetic locations."""
        if self.offset is None:
            return self
        return replace(self, offset=self.offset[:, :, locations])

    def inputs(self, x: Array) -> Array:
        """What a forecaster reads: (W, L, K, F) to (W, L, K, F + C)."""
        return x if self.calendar is None else append_calendar(x, self.calendar)

    def base(self, x: Array) -> Array | None:
        """The base's forecasts for the windows (W, L, K, F): (W, H, K), None without a base."""
        if self.own is None or self.offset is None:
            return None
        own = own_map(tensor_of(x), tensor_of(self.own))
        return np.asarray(own.numpy() + self.offset)

    def residual(self, x: Array, y: Array) -> Array:
        """What the base leaves of the targets (W, H, K); all of them without a base."""
        base = self.base(x)
        return y if base is None else y - base


def _at(
    name: str, locations: npt.NDArray[np.int64]
) -> tuple[slice, slice, npt.NDArray[np.int64]] | npt.NDArray[np.int64]:
    return locations if name == "updates" else (slice(None), slice(None), locations)
