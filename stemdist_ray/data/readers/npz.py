"""NPZ and NPY: PEMS03/04/07/08 (`data`), LargeST (`his.npz`), folders of train/val/test windows."""

from __future__ import annotations

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import UNREADABLE, Reader, in_a_line, register_reader
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.times import check_unread, number_format, to_datetime64
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import HELD_PER_READING, MemoryBudget

_PARTS = ("train", "val", "test")
_SETTINGS = frozenset({"time_format", "dayfirst", "timezone"})


def read_npz(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read an array ``data`` of shape (T, N) or (T, N, F).

    Arrays ``times``, ``location_ids``, ``coordinates``, ``mask``, ``feature_names`` and ``units``
    are used where they are there. LargeST's ``his.npz`` holds z-scored ``data`` with ``mean`` and
    ``std``; its readings are turned back to original units.

    Raises:
        DataError: The file is damaged or holds no such array.
    """
    arrays = _load(path, budget)
    if isinstance(arrays, np.ndarray):
        arrays = {"data": arrays}
    name = "data" if "data" in arrays else _only_array(arrays, path)
    values = arrays[name]
    if values.ndim not in (2, 3) or values.dtype.kind not in "fiu":
        raise DataError(
            f"{path}: {name} must be numbers of shape (steps, locations) or (steps, locations, "
            f"features); found {values.dtype} of shape {values.shape}"
        )
    values = values.astype(np.float32)
    unscaled = "mean" in arrays and "std" in arrays
    if unscaled:
        values = _unscale_first_feature(values, arrays["mean"], arrays["std"], path)
    known: dict[str, Any] = {}
    for field in ("times", "location_ids", "coordinates", "feature_names", "units", "mask"):
        if field in arrays:
            known[field] = arrays[field]
    for field in ("location_ids", "feature_names", "units"):
        if field in known:
            known[field] = tuple(_text(known[field]))
    known["times"] = _stamps(known.get("times"), path, options)
    facts = reading(
        layout="array",
        array=name,
        other_arrays=sorted(n for n in known if n in arrays) or None,
        turned_back_by="mean and std" if unscaled else None,
    )
    return SpatioTemporalSeries(values=values, name=path.name, attributes=facts, **known)


def _text(names: npt.NDArray[Any]) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in names]


def _stamps(
    times: npt.NDArray[Any] | None, path: Path, options: ReadConfig
) -> npt.NDArray[np.datetime64] | None:
    """Time stamps, whether they are kept as such, as text or as numbers; none of numbered steps."""
    if times is None or times.ndim != 1 or not len(times):
        check_unread(options, path)
        return times
    if times.dtype.kind in "fiu" and options.time_format is None:
        counts = bool((np.diff(times) == 1).all())
        if counts and number_format(times.astype(np.float64), "times") is None:
            check_unread(options, path)
            return None
    given = _text(times) if times.dtype.kind == "S" else times
    return to_datetime64(given, path, options, "times")


def _declared(path: Path) -> list[tuple[int, int]]:
    """Entries and bytes per entry of every array, by the headers alone."""

    def header(file: IO[bytes]) -> tuple[int, int]:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        shape, _, kind = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
        return prod(shape), kind.itemsize

    with path.open("rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return [header(file)]
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as member:
                    found.append(header(member))
    return found


def _load(path: Path, budget: MemoryBudget) -> dict[str, npt.NDArray[Any]] | npt.NDArray[Any]:
    try:
        # Pickled objects are refused: opening a data file must never run code.
        for entries, size in _declared(path):
            held = size + HELD_PER_READING if entries > 1 else 0
            budget.check(path, float(entries) * held, f"an array of {entries:,} entries")
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            # Whatever else is in the archive was not asked for its size, and is no array.
            arrays = [name for name in loaded.zip.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): loaded[name] for name in arrays}
    except (*UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as NumPy data: {in_a_line(error)}") from error


def _only_array(arrays: dict[str, npt.NDArray[Any]], path: Path) -> str:
    candidates = [k for k, v in arrays.items() if v.ndim in (2, 3)]
    if len(candidates) == 1:
        return candidates[0]
    raise DataError(
        f"{path}: expected an array called 'data'; found {sorted(arrays)}. Windows (x, y) are read "
        "from a folder with train.npz, val.npz and test.npz"
    )


def _unscale_first_feature(
    values: npt.NDArray[np.float32], mean: npt.NDArray[Any], std: npt.NDArray[Any], path: Path
) -> npt.NDArray[np.float32]:
    """LargeST scales the reading (feature 0) only; its time features are left alone."""
    if mean.size != 1 or std.size != 1:
        raise DataError(
            f"{path}: mean and std must be single numbers (LargeST); found {mean.size}, {std.size}"
        )
    series = values if values.ndim == 3 else values[:, :, None]
    scaled_mean, scaled_std = float(np.nanmean(series[:, :, 0])), float(np.nanstd(series[:, :, 0]))
    if abs(scaled_mean) > 1.0 or not 0.2 <= scaled_std <= 5.0:
        raise DataError(
            f"{path}: holds mean and std, by which LargeST scales its readings, but these are not "
            f"scaled (mean {scaled_mean:.4g}, std {scaled_std:.4g}); leave the two arrays out"
        )
    series = series.copy()
    series[:, :, 0] = series[:, :, 0] * float(std.item()) + float(mean.item())
    return series


def is_window_folder(path: Path) -> bool:
    """Whether a folder holds train.npz, val.npz and test.npz."""
    return all((path / f"{part}.npz").exists() for part in _PARTS)


def read_window_folder(
    path: Path, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Put the series back together from windows ``x`` (S, L, N, F) and ``y`` (S, H, N, F).

    Consecutive samples must be one step apart, as the DCRNN preparation writes
    them; the three parts follow each other in time.

    Raises:
        DataError: The windows are of another kind, or not consecutive.
    """
    series: npt.NDArray[np.float32] | None = None
    samples = 0
    for part in _PARTS:
        file = path / f"{part}.npz"
        x, y = _load_windows(file, budget)
        _check_consecutive(x, file)
        steps = _steps(x, y)
        if series is None:
            series = steps
        else:
            # Cut from one run of windows, the next part begins one step after the last sample.
            overlap = series[samples:]
            if not np.array_equal(overlap, steps[: len(overlap)], equal_nan=True):
                raise DataError(
                    f"{file}: its first window does not begin one step after the last window of "
                    "the part before; the series cannot be put back together"
                )
            series = np.concatenate([series[:samples], steps])
        samples += len(x)
    return SpatioTemporalSeries(values=np.asarray(series), name=path.name)


def _load_windows(
    file: Path, budget: MemoryBudget
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    arrays = _load(file, budget)
    if isinstance(arrays, np.ndarray) or not {"x", "y"} <= arrays.keys():
        raise DataError(f"{file}: expected arrays x and y")
    x, y = (arrays[k].astype(np.float32) for k in ("x", "y"))
    x, y = (a[..., None] if a.ndim == 3 else a for a in (x, y))
    if x.ndim != 4 or y.ndim != 4 or not len(x) or len(x) != len(y) or x.shape[2] != y.shape[2]:
        raise DataError(
            f"{file}: expected x (samples, L, locations, features) and y (samples, H, locations, "
            f"features); found {x.shape} and {y.shape}"
        )
    return x, y


def _steps(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The steps that consecutive windows cover, with the features that x and y share."""
    shared = min(x.shape[3], y.shape[3])
    return np.concatenate([x[:-1, 0, :, :shared], x[-1, :, :, :shared], y[-1, :, :, :shared]])


def _check_consecutive(x: npt.NDArray[np.float32], file: Path) -> None:
    if not np.array_equal(x[1:, :-1], x[:-1, 1:], equal_nan=True):
        pairs = zip(x[1:, :-1], x[:-1, 1:], strict=True)
        same = [np.array_equal(left, right, equal_nan=True) for left, right in pairs]
        sample = same.index(False)
        raise DataError(
            f"{file}: windows {sample} and {sample + 1} are not one step apart; only consecutive "
            "windows can be put back together into a series"
        )


register_reader(
    Reader("npz", (".npz", ".npy"), (b"PK\x03\x04", b"\x93NUMPY"), read_npz, settings=_SETTINGS)
)
register_reader(Reader("windows", (), (), read_window_folder, is_window_folder))
