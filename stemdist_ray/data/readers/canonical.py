"""Our own canonical folder: Arrow IPC arrays that are memory-mapped, and a JSON description."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from stemdist_ray.data.readers.base import Reader, register_reader
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

DESCRIPTION = "series.json"
VERSION = 1


def is_canonical(path: Path) -> bool:
    """Whether a folder was written by ``stemdist convert``."""
    return (path / DESCRIPTION).exists()


def read_canonical(path: Path) -> SpatioTemporalSeries:
    """Read a canonical folder.

    It holds ``series.json``, ``values.arrow`` (one row per step, columns ``value``, ``observed``
    and ``time`` where there are any) and ``locations.arrow``.

    Raises:
        DataError: A file is missing, damaged or of another version.
    """
    try:
        meta = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        if meta.get("version") != VERSION:
            raise DataError(f"{path}: version {meta.get('version')}, expected {VERSION}")
        with pa.memory_map(str(path / "values.arrow")) as file:
            steps = pa.ipc.open_file(file).read_all()
        with pa.memory_map(str(path / "locations.arrow")) as file:
            places = pa.ipc.open_file(file).read_all()
        shape = (len(steps), len(places), len(meta["feature_names"]))
        values = steps["value"].combine_chunks().storage.flatten()
        observed = None
        if "observed" in steps.column_names:
            flags = steps["observed"].combine_chunks().storage.flatten()
            observed = flags.to_numpy().reshape(shape) != 0
        times = steps["time"].to_numpy() if "time" in steps.column_names else None
        coordinates = None
        if "coordinate_0" in places.column_names:
            pair = [places[f"coordinate_{i}"].to_numpy() for i in (0, 1)]
            coordinates = np.stack(pair, axis=1)
        return SpatioTemporalSeries(
            values=values.to_numpy().reshape(shape),
            mask=observed,
            times=times,
            location_ids=tuple(places["id"].to_pylist()),
            coordinates=coordinates,
            feature_names=tuple(meta["feature_names"]),
            units=tuple(meta["units"]),
            name=meta["name"],
        )
    except (OSError, KeyError, ValueError, AttributeError, pa.ArrowException) as error:
        raise DataError(f"{path}: damaged folder: {error}") from error


register_reader(Reader("canonical", (), (), read_canonical, is_canonical))
