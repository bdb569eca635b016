"""The one in-memory form of a data set. Axis letters: T steps, N locations, F features."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stemdist_ray.errors import DataError

OWN_START = "start"
"""Attribute of a series without time stamps: time of its first step, as its source says."""
OWN_STEP = "sampling_step"
"""Attribute of a series: time between steps, as its source or ``data.sampling_step`` says."""


@dataclass(frozen=True)
class SpatioTemporalSeries:
    """Readings of F features at N locations over T time steps; immutable and validated.

    Args:
        values: (T, N, F) float32, in original units; NaN where nothing was observed.
        mask: (T, N, F) bool, true = observed, or None when everything was. NaN
            in ``values`` is always taken as missing, whatever the mask says.
        times: (T,) datetime64[ns], strictly increasing, or None.
        location_ids: N unique strings; numbered "0", "1", ... when not given.
        coordinates: (N, 2) float64, latitude/longitude or metres, or None.
        feature_names: F unique strings.
        units: Unit per feature, "" where unknown.
        name: What the series is called in reports.
        part_of_more: It is a block of a longer series, which may hold no reading at all.

    Raises:
        DataError: Shapes disagree, ids repeat, times do not increase, or a
            reading is infinite.
    """

    values: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_] | None = None
    times: npt.NDArray[np.datetime64] | None = None
    location_ids: tuple[str, ...] = ()
    coordinates: npt.NDArray[np.float64] | None = None
    feature_names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    name: str = "series"
    attributes: dict[str, Any] = field(default_factory=dict, compare=False)
    part_of_more: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float32)
        if values.ndim == 2:
            values = values[:, :, None]
        if values.ndim != 3 or 0 in values.shape:
            raise DataError(
                f"{self.name}: expected values of shape (steps, locations, features), none of "
                f"them empty; found {np.shape(self.values)}"
            )
        mask = _resolve_mask(values, self.mask, self.name)
        if mask is not None and not self.part_of_more and not mask.any():
            raise DataError(f"{self.name}: every entry is missing; nothing can be learned from it")
        if self.mask is not None and mask is not None:  # else all that is missing is NaN
            values = np.where(mask, values, np.float32(np.nan))
        _, locations, features = values.shape
        ids = tuple(str(i) for i in self.location_ids) or tuple(map(str, range(locations)))
        _check_names("location id", ids, locations, self.name)
        feature_names = tuple(self.feature_names) or _default_features(features)
        _check_names("feature name", feature_names, features, self.name)
        units = tuple(self.units) or ("",) * features
        if len(units) != features:
            raise DataError(f"{self.name}: {features} features but {len(units)} units")
        set_ = object.__setattr__
        set_(self, "values", _frozen(values))
        set_(self, "mask", None if mask is None else _frozen(mask))
        set_(self, "times", _check_times(self.times, len(values), self.name))
        set_(self, "location_ids", ids)
        set_(self, "coordinates", _check_coordinates(self.coordinates, locations, self.name))
        set_(self, "feature_names", feature_names)
        set_(self, "units", units)

    @property
    def num_steps(self) -> int:
        """T, the number of time steps."""
        return int(self.values.shape[0])

    @property
    def num_locations(self) -> int:
        """N, the number of locations."""
        return int(self.values.shape[1])

    @property
    def num_features(self) -> int:
        """F, the number of features."""
        return int(self.values.shape[2])

    @property
    def sampling_step(self) -> np.timedelta64 | None:
        """Median time between steps, None without time stamps or with one step."""
        return sampling_step(self.times)

    @property
    def missing_share(self) -> float:
        """Share of entries that were not observed, 0 to 1."""
        return 0.0 if self.mask is None else float(1.0 - self.mask.mean())

    def content_hash(self) -> str:
        """Return a hash of readings, mask, time stamps and location ids."""
        masks = [] if self.mask is None else [self.mask]
        names = (*self.location_ids, *self.feature_names)
        return content_hash(self.values.shape, [self.values], masks, self.times, names)

    def with_changes(self, **changes: Any) -> SpatioTemporalSeries:
        """Return a copy with the given fields replaced (and validated again)."""
        return replace(self, **changes)


def content_hash(
    shape: tuple[int, ...],
    values: Iterable[npt.NDArray[np.float32]],
    masks: Iterable[npt.NDArray[np.bool_]],
    times: npt.NDArray[np.datetime64] | None,
    names: Sequence[str],
) -> str:
    """Hash a series that is at hand in blocks of steps.

    Args:
        shape: (T, N, F).
        values: Blocks of readings, NaN where missing.
        masks: Blocks of the mask, of a multiple of 8 entries each but the last; none where
            everything was observed.
        times: (T,) or None.
        names: Locations, then features.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr(tuple(shape)).encode())
    for block in values:
        for rows in row_blocks(block.shape):
            digest.update(np.ascontiguousarray(np.nan_to_num(block[rows], nan=0.0)).data)
    for mask in masks:
        for rows in row_blocks(mask.shape):
            digest.update(np.packbits(mask[rows]).data)
    if times is not None:
        digest.update(np.ascontiguousarray(times.astype(np.int64)).data)
    digest.update("\0".join(names).encode())
    return digest.hexdigest()


def row_blocks(shape: Sequence[int]) -> Iterator[slice]:
    """Cut steps into blocks of some million readings, so that work on them needs little memory.

    Args:
        shape: (T, ...) of readings; blocks but the last have a multiple of 8 steps, so that the
            bits of their masks fill whole bytes.
    """
    per_step = max(1, int(np.prod(shape[1:], dtype=np.int64)))
    steps = max(8, _READINGS_PER_BLOCK // per_step // 8 * 8)
    for first in range(0, shape[0], steps):
        yield slice(first, min(shape[0], first + steps))


_READINGS_PER_BLOCK = 2**21


def sampling_step(times: npt.NDArray[np.datetime64] | None) -> np.timedelta64 | None:
    """Median time between steps, None without time stamps or with one step."""
    if times is None or len(times) < 2:
        return None
    return np.timedelta64(int(np.median(np.diff(times).astype(np.int64))), "ns")


def _default_features(count: int) -> tuple[str, ...]:
    return ("value",) if count == 1 else tuple(f"feature_{i}" for i in range(count))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _resolve_mask(
    values: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_] | None, name: str
) -> npt.NDArray[np.bool_] | None:
    finite = np.isfinite(values)
    if mask is None:
        observed = ~np.isnan(values)
    else:
        given = np.asarray(mask)
        if given.ndim == 2:
            given = given[:, :, None]
        if given.shape != values.shape or given.dtype != np.bool_:
            raise DataError(
                f"{name}: the mask must be bool of shape {values.shape}; "
                f"found {given.dtype} of shape {given.shape}"
            )
        observed = given & ~np.isnan(values)
    if not finite[observed].all():
        where = tuple(int(i) for i in np.argwhere(observed & ~finite)[0])
        raise DataError(
            f"{name}: infinite reading at (step, location, feature) = {where}; "
            "replace it, or make it NaN if it means missing"
        )
    return None if observed.all() else observed


def _check_names(what: str, names: tuple[str, ...], count: int, series: str) -> None:
    if len(names) != count:
        raise DataError(f"{series}: expected {count} {what}s, found {len(names)}")
    if len(set(names)) != count:
        seen: set[str] = set()
        twice = next(n for n in names if n in seen or seen.add(n))  # type: ignore[func-returns-value]
        raise DataError(f"{series}: {what} {twice!r} occurs twice; they must be unique")


def _check_times(
    times: npt.NDArray[np.datetime64] | None, steps: int, name: str
) -> npt.NDArray[np.datetime64] | None:
    if times is None:
        return None
    stamps = np.asarray(times).astype("datetime64[ns]")
    if stamps.shape != (steps,):
        raise DataError(f"{name}: expected {steps} time stamps, found shape {stamps.shape}")
    if np.isnat(stamps).any():
        row = int(np.flatnonzero(np.isnat(stamps))[0])
        raise DataError(f"{name}: time stamp of step {row} is missing")
    back = np.flatnonzero(np.diff(stamps).astype(np.int64) <= 0)
    if len(back):
        row = int(back[0])
        raise DataError(
            f"{name}: time stamps must increase; step {row} is {stamps[row]} and "
            f"step {row + 1} is {stamps[row + 1]}. Sort the rows and drop duplicates"
        )
    return _frozen(stamps)


def _check_coordinates(
    coordinates: npt.NDArray[np.float64] | None, locations: int, name: str
) -> npt.NDArray[np.float64] | None:
    if coordinates is None:
        return None
    points = np.asarray(coordinates, dtype=np.float64)
    if points.shape != (locations, 2):
        raise DataError(
            f"{name}: coordinates must have shape ({locations}, 2); found {points.shape}"
        )
    return _frozen(points)
