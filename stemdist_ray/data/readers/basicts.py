"""BasicTS: folders with ``data.dat`` and ``desc.json``, or with an array per split (from 1.1 on).

Axis letters: T steps, N locations, F features.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import (
    UNREADABLE,
    Reader,
    in_a_line,
    register_reader,
    steps_per_block,
)
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.series import OWN_STEP, SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.files import read_json
from stemdist_ray.system.free_memory import HELD_PER_READING, MemoryBudget

_DATA, _DESCRIPTION, _META = "data.dat", "desc.json", "meta.json"
_SPLITS = tuple(f"{split}_data.npy" for split in ("train", "val", "test"))
# What follows from the time stamps: "time of day", "day of week", "day in month", ...
_OF_THE_CALENDAR = re.compile(
    r"(time|minute|hour|day|week|month)s?\s+(of|in)\s+(the\s+)?(hour|day|week|month|year)"
)


@dataclass(frozen=True)
class _Folder:
    """What the files say before any reading is taken from them.

    Args:
        path: The folder.
        parts: Mapped arrays (t, N, F) that follow each other in time.
        features: F names, () where the folder gives none.
        kept: Which of the features are readings.
        missing: Reading that means "missing", None = none does.
        step: Time between steps, e.g. "5min", None where unknown.
        name: Of the data set.
    """

    path: Path
    parts: tuple[npt.NDArray[Any], ...]
    features: tuple[str, ...]
    kept: tuple[int, ...]
    missing: float | None
    step: str | None
    name: str

    def series(self, part: npt.NDArray[Any], part_of_more: bool = False) -> SpatioTemporalSeries:
        """The readings of (t, N, F) entries."""
        with np.errstate(over="ignore"):  # an infinite reading is told of by the series
            values = np.array(part[:, :, self.kept], np.float32)
        if self.missing is not None:
            values[values == np.float32(self.missing)] = np.nan
        return SpatioTemporalSeries(
            values=values,
            feature_names=tuple(self.features[i] for i in self.kept) if self.features else (),
            name=self.name,
            attributes={
                **({} if self.step is None else {OWN_STEP: self.step}),
                **reading(
                    layout="array",
                    null_value=self.missing,
                    frequency=self.step,
                    left_out=[f for i, f in enumerate(self.features) if i not in self.kept] or None,
                ),
            },
            part_of_more=part_of_more,
        )


def is_basicts(path: Path) -> bool:
    """Whether a folder holds one of the two layouts, or half of it."""
    whole = (path / _DATA).is_file() or (path / _DESCRIPTION).is_file()
    return whole or any((path / name).is_file() for name in _SPLITS)


def read_basicts(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a BasicTS data set; ``NULL_VAL`` means missing where it is a number.

    Features that follow from the time stamps (time of day, day of week, ...) are left out. The
    folder has no time stamps; with ``data.start`` they follow from its frequency.

    Args:
        path: The folder, its ``data.dat`` or its ``desc.json``.
        options: Nothing of it matters.
        budget: For the readings.

    Raises:
        DataError: A file is missing, damaged, or not of the size that is declared.
    """
    folder = _opened(path)
    parts = folder.parts
    steps, places = sum(map(len, parts)), int(parts[0].shape[1])
    held = HELD_PER_READING + (parts[0].dtype.itemsize if len(parts) > 1 else 0)
    budget.check_readings(path, (steps, places, len(folder.kept)), held)
    return folder.series(parts[0] if len(parts) == 1 else np.concatenate(parts))


def stream_basicts(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a BasicTS data set in blocks of steps; see :func:`read_basicts`."""
    folder = _opened(path)
    count = steps_per_block(block_bytes, *folder.parts[0].shape[1:])
    for part in folder.parts:
        for first in range(0, len(part), count):
            yield folder.series(part[first : first + count], part_of_more=True)


def _opened(path: Path) -> _Folder:
    folder = path if path.is_dir() else path.parent
    if (folder / _DATA).is_file() or (folder / _DESCRIPTION).is_file():
        return _of_one_file(folder)
    return _of_splits(folder)


def _of_one_file(folder: Path) -> _Folder:
    file = folder / _DATA
    about = _json(folder / _DESCRIPTION)
    shape = about.get("shape")
    if not (isinstance(shape, list) and len(shape) == 3 and all(map(_is_size, shape))):
        raise DataError(
            f"{folder / _DESCRIPTION}: expected a shape [steps, locations, features]; found {shape}"
        )
    if not file.is_file():
        raise DataError(f"{folder}: there is {_DESCRIPTION} and no {_DATA}; expected both")
    expected, found = 4 * math.prod(shape), file.stat().st_size
    if found != expected:
        raise DataError(
            f"{file}: {found:,} bytes; the shape {shape} in {_DESCRIPTION} needs {expected:,} "
            "(float32)"
        )
    return _described(folder, (np.memmap(file, "<f4", "r", shape=tuple(shape)),), about)


def _of_splits(folder: Path) -> _Folder:
    lacking = [name for name in _SPLITS if not (folder / name).is_file()]
    if lacking:
        raise DataError(f"{folder}: lacks {lacking[0]}; expected {', '.join(_SPLITS)}")
    parts = tuple(_array(folder / name) for name in _SPLITS)
    if len({part.shape[1:] for part in parts}) > 1:
        shown = ", ".join(str(part.shape) for part in parts)
        raise DataError(f"{folder}: the three splits have other locations or features: {shown}")
    about = _json(folder / _META) if (folder / _META).is_file() else {}
    found = [sum(map(len, parts)), *parts[0].shape[1:]]
    declared = about.get("shape", found)
    if declared != found:
        raise DataError(
            f"{folder / _META}: declares the shape {declared}; the three splits have {found} "
            "together, so they do not follow each other step by step"
        )
    return _described(folder, tuple(p if p.ndim == 3 else p[:, :, None] for p in parts), about)


def _array(file: Path) -> npt.NDArray[Any]:
    try:
        # Mapped, so that nothing is read before it is asked for; pickled objects are refused.
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(f"{file}: cannot be read as NumPy data: {in_a_line(error)}") from error
    if array.ndim not in (2, 3) or array.dtype.kind not in "fiu":
        raise DataError(
            f"{file}: expected numbers of shape (steps, locations) or (steps, locations, "
            f"features); found {array.dtype} of shape {array.shape}"
        )
    return array


def _described(folder: Path, parts: tuple[npt.NDArray[Any], ...], about: dict[str, Any]) -> _Folder:
    count = int(parts[0].shape[2])
    features = _features(folder, about, count)
    kept = [i for i in range(count) if not (features and _of_the_calendar(features[i]))]
    if not kept:
        raise DataError(
            f"{folder}: every feature follows from the time stamps ({', '.join(features)}); "
            "there are no readings"
        )
    name = about.get("name")
    return _Folder(
        path=folder,
        parts=parts,
        features=features,
        kept=tuple(kept),
        missing=_null_value(folder, about),
        step=_step(folder, about),
        name=name if isinstance(name, str) and name else folder.absolute().name,
    )


def _features(folder: Path, about: dict[str, Any], count: int) -> tuple[str, ...]:
    names = about.get("feature_description")
    if names is None and (count == 1 or not (folder / _DESCRIPTION).is_file()):
        return ()
    if not isinstance(names, list) or len(names) != count:
        found = len(names) if isinstance(names, list) else names
        raise DataError(
            f"{folder}: feature_description must name the {count} features, so that time of day "
            f"and the like are told from readings; found {found}"
        )
    return tuple(map(str, names))


def _of_the_calendar(name: str) -> bool:
    return _OF_THE_CALENDAR.fullmatch(re.sub(r"[\s_-]+", " ", name.strip().lower())) is not None


def _null_value(folder: Path, about: dict[str, Any]) -> float | None:
    settings = about.get("regular_settings") or {}
    if not isinstance(settings, dict):
        raise DataError(f"{folder}: expected names and values under regular_settings")
    value = settings.get("NULL_VAL", settings.get("null_val"))
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DataError(f"{folder}: NULL_VAL must be a number or null; found {value!r}")
    return float(value)


def _step(folder: Path, about: dict[str, Any]) -> str | None:
    minutes = about.get("frequency (minutes)")
    if minutes is None:
        return None
    number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not number or not math.isfinite(minutes) or minutes <= 0:
        raise DataError(f"{folder}: frequency (minutes) must be above 0; found {minutes!r}")
    whole = float(minutes).is_integer()
    return f"{int(minutes)}min" if whole else f"{round(60_000 * minutes)}ms"


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise DataError(f"{file.parent}: there is no {file.name}, which tells what {_DATA} holds")
    try:
        about = read_json(file)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(about, dict):
        raise DataError(f"{file}: expected a JSON object; found {type(about).__name__}")
    return about


register_reader(
    Reader(
        "basicts",
        (),
        (),
        read_basicts,
        is_basicts,
        stream=stream_basicts,
        file_names=(_DATA, _DESCRIPTION),
    )
)
