"""Parquet, wide (a column per location) or long (time, location, one column per feature)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stemdist_ray.data.readers.base import (
    TIME_NAMES,
    Reader,
    numeric,
    register_reader,
    table_to_series,
    to_datetime64,
)
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

LOCATION_NAMES = frozenset(
    {"location", "location_id", "id", "node", "sensor", "sensor_id", "station", "station_id"}
)


def read_parquet(path: Path) -> SpatioTemporalSeries:
    """Read a Parquet file.

    Raises:
        DataError: It is damaged or neither wide nor long.
    """
    try:
        table = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error
    return frame_to_series(table, path)


def frame_to_series(table: pd.DataFrame, path: Path) -> SpatioTemporalSeries:
    """Turn a wide or long table into a series; long if it names a time and a location column."""
    lower = {str(name).lower(): name for name in table.columns}
    time = next((lower[n] for n in lower if n in TIME_NAMES), None)
    location = next((lower[n] for n in lower if n in LOCATION_NAMES), None)
    if time is None or location is None:
        return table_to_series(table, path, path.name)
    return _long_to_series(table, time, location, path)


def _long_to_series(
    table: pd.DataFrame, time: object, location: object, path: Path
) -> SpatioTemporalSeries:
    features = [c for c in table.columns if c not in (time, location)]
    if not features:
        raise DataError(f"{path}: a long table needs a value column beside {time} and {location}")
    keys = table[[time, location]]
    if keys.isna().to_numpy().any():
        raise DataError(f"{path}: {time} and {location} must not be empty in a long table")
    twice = keys.duplicated()
    if twice.any():
        row = int(np.flatnonzero(twice.to_numpy())[0])
        raise DataError(
            f"{path}: row {row + 1} repeats {time} {table[time].iloc[row]} and {location} "
            f"{table[location].iloc[row]}; a long table has one row per step and location"
        )
    steps, times = pd.factorize(table[time], sort=True)
    places, ids = pd.factorize(table[location])
    values = np.full((len(times), len(ids), len(features)), np.nan, np.float32)
    values[steps, places] = numeric(table[features], path)
    is_number = pd.api.types.is_numeric_dtype(table[time])
    return SpatioTemporalSeries(
        values=values,
        times=None if is_number else to_datetime64(times, path),
        location_ids=tuple(str(i) for i in ids),
        feature_names=tuple(str(f) for f in features),
        name=path.name,
    )


register_reader(Reader("parquet", (".parquet", ".pq"), (b"PAR1",), read_parquet))
