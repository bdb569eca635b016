"""Our own canonical folder: Arrow IPC arrays that are memory-mapped, and a JSON description."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import (
    UNREADABLE,
    Reader,
    in_a_line,
    register_reader,
    steps_per_block,
)
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.files import read_json
from stemdist_ray.system.free_memory import MemoryBudget

DESCRIPTION = "series.json"
VERSION = 1


def is_canonical(path: Path) -> bool:
    """Whether a folder was written by ``stemdist convert``."""
    return (path / DESCRIPTION).exists()


def read_canonical(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a canonical folder.

    It holds ``series.json``, ``values.arrow`` (one row per step, columns ``value``, ``observed``
    and ``time`` where there are any) and ``locations.arrow``.

    Raises:
        DataError: A file is missing, damaged or of another version.
    """
    return next(_parts(path, None, budget))


def stream_canonical(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a canonical folder in blocks of steps; see :func:`read_canonical`."""
    return _parts(path, block_bytes)


def _parts(
    path: Path, block_bytes: int | None, budget: MemoryBudget | None = None
) -> Iterator[SpatioTemporalSeries]:
    """Blocks of the folder, or all of it as one."""
    try:
        meta = read_json(path / DESCRIPTION)
        if meta.get("version") != VERSION:
            raise DataError(f"{path}: version {meta.get('version')}, expected {VERSION}")
        with pa.memory_map(str(path / "values.arrow")) as file:
            steps = pa.ipc.open_file(file).read_all()
        with pa.memory_map(str(path / "locations.arrow")) as file:
            places = pa.ipc.open_file(file).read_all()
        sizes = (len(places), len(meta["feature_names"]))
        if budget is not None:
            budget.check_readings(path, (len(steps), *sizes))
        count = len(steps) if block_bytes is None else steps_per_block(block_bytes, *sizes)
        coordinates = None
        if "coordinate_0" in places.column_names:
            pair = [places[f"coordinate_{i}"].to_numpy() for i in (0, 1)]
            coordinates = np.stack(pair, axis=1)
        for first in range(0, len(steps), count):
            rows = steps.slice(first, count)
            observed = _numbers(rows, "observed", sizes)
            yield SpatioTemporalSeries(
                values=_numbers(rows, "value", sizes),
                mask=None if observed is None else observed != 0,
                times=rows["time"].to_numpy() if "time" in rows.column_names else None,
                location_ids=tuple(places["id"].to_pylist()),
                coordinates=coordinates,
                feature_names=tuple(meta["feature_names"]),
                units=tuple(meta["units"]),
                name=meta["name"],
                part_of_more=block_bytes is not None,
            )
    except UNREADABLE as error:
        raise DataError(f"{path}: damaged folder: {in_a_line(error)}") from error


def _numbers(rows: pa.Table, name: str, sizes: tuple[int, int]) -> Any:
    """A column of (N, F) tensors as one (T, N, F) array, None where there is no such column."""
    if name not in rows.column_names:
        return None
    flat = rows[name].combine_chunks().storage.flatten()
    return flat.to_numpy().reshape(len(rows), *sizes)


register_reader(Reader("canonical", (), (), read_canonical, is_canonical, stream=stream_canonical))
