"""Parquet, wide (a column per location) or long (time, location, one column per feature)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import (
    TABLE_SETTINGS,
    Reader,
    numeric,
    register_reader,
    steps_per_block,
    table_to_series,
)
from stemdist_ray.data.readers.times import TIME_NAMES, number_format, to_datetime64
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

LOCATION_NAMES = frozenset(
    {"location", "location_id", "id", "node", "sensor", "sensor_id", "station", "station_id"}
)


def read_parquet(path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Read a Parquet file.

    Raises:
        DataError: It is damaged or neither wide nor long.
    """
    try:
        table = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error
    return frame_to_series(table, path, options)


def frame_to_series(table: pd.DataFrame, path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Turn a wide or long table into a series; long if it names a time and a location column."""
    keys = _keys_of_long(table.columns)
    if keys is None:
        return table_to_series(table, path, path.name, options)
    return _long_to_series(table, *keys, path, options)


def stream_parquet(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a Parquet file in blocks of steps; the rows of a long table must be in time order.

    Raises:
        DataError: It is damaged, neither wide nor long, or long and not in time order.
    """
    try:
        file = pq.ParquetFile(path)
        keys = _keys_of_long(file.schema_arrow.names)
        rows = steps_per_block(block_bytes, len(file.schema_arrow.names), 1)
        frames = _frames(file, max(2, rows))
        if keys is None:
            for frame in frames:
                yield table_to_series(frame, path, path.name, options, part_of_more=True)
        else:
            yield from _long_blocks(file, frames, *keys, path, options)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error


def _keys_of_long(columns: Iterable[object]) -> tuple[object, object] | None:
    """The time and the location column of a long table, None where it is wide."""
    lower = {str(name).lower(): name for name in columns}
    time = next((lower[n] for n in lower if n in TIME_NAMES), None)
    location = next((lower[n] for n in lower if n in LOCATION_NAMES), None)
    return None if time is None or location is None else (time, location)


def _frames(file: pq.ParquetFile, rows: int) -> Iterator[pd.DataFrame]:
    """Tables of ``rows`` rows; a single row at the end joins the table before it."""
    held: list[pa.RecordBatch] = []
    for batch in file.iter_batches(rows):
        if held and len(batch) > 1:
            yield pa.Table.from_batches(held).to_pandas()
            held = []
        held.append(batch)
    if held:
        yield pa.Table.from_batches(held).to_pandas()


def _long_blocks(
    file: pq.ParquetFile,
    frames: Iterator[pd.DataFrame],
    time: object,
    location: object,
    path: Path,
    options: ReadConfig,
) -> Iterator[SpatioTemporalSeries]:
    """Blocks of a long table; the last step of a table may go on in the next."""
    ids: dict[str, None] = {}
    for batch in file.iter_batches(columns=[location]):
        ids |= dict.fromkeys(map(str, pd.unique(batch.to_pandas()[location])))
    rest: pd.DataFrame | None = None
    for frame in frames:
        table = frame if rest is None else pd.concat([rest, frame], ignore_index=True)
        if not table[time].is_monotonic_increasing:
            raise DataError(
                f"{path}: the rows of a long table must be in the order of {time} to be streamed; "
                "sort them, or read the file into memory"
            )
        open_step = table[time] == table[time].iloc[-1]
        if not open_step.all():
            done = table[~open_step].reset_index(drop=True)
            yield _at_all_locations(
                _long_to_series(done, time, location, path, options, True), tuple(ids)
            )
        rest = table[open_step].reset_index(drop=True)
    if rest is not None:
        yield _at_all_locations(
            _long_to_series(rest, time, location, path, options, True), tuple(ids)
        )


def _at_all_locations(block: SpatioTemporalSeries, ids: tuple[str, ...]) -> SpatioTemporalSeries:
    """A block of a long table with every location of the file, missing where it has no row."""
    places = {name: i for i, name in enumerate(ids)}
    at = [places[name] for name in block.location_ids]
    values = np.full((block.num_steps, len(ids), block.num_features), np.nan, np.float32)
    values[:, at] = block.values
    return block.with_changes(values=values, mask=None, location_ids=ids, part_of_more=True)


def _long_to_series(
    table: pd.DataFrame,
    time: object,
    location: object,
    path: Path,
    options: ReadConfig,
    part_of_more: bool = False,
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
    known = options.time_format is not None or not pd.api.types.is_numeric_dtype(table[time])
    known = known or number_format(np.asarray(times, np.float64), str(time)) is not None
    return SpatioTemporalSeries(
        values=values,
        times=to_datetime64(times, path, options, str(time)) if known else None,
        location_ids=tuple(str(i) for i in ids),
        feature_names=tuple(str(f) for f in features),
        name=path.name,
        part_of_more=part_of_more,
    )


register_reader(
    Reader(
        "parquet",
        (".parquet", ".pq"),
        (b"PAR1",),
        read_parquet,
        stream=stream_parquet,
        settings=TABLE_SETTINGS,
    )
)
