"""Parquet, wide (a column per location) or long (a row per step and location)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import (
    UNREADABLE,
    Reader,
    in_a_line,
    register_reader,
    steps_per_block,
)
from stemdist_ray.data.readers.columns import plain_columns
from stemdist_ray.data.readers.long import long_to_series
from stemdist_ray.data.readers.parts import frames_to_series
from stemdist_ray.data.readers.structure import LongTable, check_plain, recognised
from stemdist_ray.data.readers.tables import TABLE_SETTINGS
from stemdist_ray.data.readers.wide import wide_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

_HELD_PER_CELL = 28  # bytes: as stored, in pandas, and three times as a float32 reading


def read_parquet(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a Parquet file.

    Raises:
        DataError: It is damaged or neither wide nor long.
    """
    return frames_to_series(parquet_frames(path, options, budget), path, options, budget)


def parquet_frames(path: Path, options: ReadConfig, budget: MemoryBudget) -> Iterator[pd.DataFrame]:
    """The table of a Parquet file."""
    try:
        about = pq.read_metadata(path)
        budget.check_readings(path, (about.num_rows, about.num_columns), _HELD_PER_CELL)
        # Names of folders are heeded where several files are one table.
        stored = pq.read_table(path, partitioning=None)
        stored.validate(full=True)  # text that is none would be met much later
        try:
            table = stored.to_pandas()
        except TypeError:  # of what pandas says of the types of column names
            table = stored.to_pandas(ignore_metadata=True)
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as Parquet: {in_a_line(error)}") from error
    yield table


def stream_parquet(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a Parquet file in blocks of steps; the rows of a long table must be in time order.

    Raises:
        DataError: It is damaged, neither wide nor long, or long and not in time order.
    """
    if options.transpose:
        raise DataError(f"{path}: a row per location cannot be read in blocks of steps")
    try:
        file = pq.ParquetFile(path)
        rows = steps_per_block(block_bytes, len(file.schema_arrow.names), 1)
        frames = _frames(file, max(2, rows), path, options)
        first = next(frames, None)
        if first is None:
            raise DataError(f"{path}: the table has no rows")
        check_plain(first, path)
        layout = recognised(first, options, path)
        if layout is None:
            for frame in chain([first], frames):
                yield wide_to_series(frame, path, options, part_of_more=True)
        else:
            yield from _long_blocks(file, chain([first], frames), layout, path, options)
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as Parquet: {in_a_line(error)}") from error


def _frames(
    file: pq.ParquetFile, rows: int, path: Path, options: ReadConfig
) -> Iterator[pd.DataFrame]:
    """Tables of ``rows`` rows; a single row at the end joins the table before it."""
    held: list[pa.RecordBatch] = []
    for batch in file.iter_batches(rows):
        if held and len(batch) > 1:
            yield plain_columns(_frame(held), path, options)
            held = []
        held.append(batch)
    if held:
        yield plain_columns(_frame(held), path, options)


def _frame(batches: list[pa.RecordBatch]) -> pd.DataFrame:
    table = pa.Table.from_batches(batches)
    table.validate(full=True)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _long_blocks(
    file: pq.ParquetFile,
    frames: Iterator[pd.DataFrame],
    layout: LongTable,
    path: Path,
    options: ReadConfig,
) -> Iterator[SpatioTemporalSeries]:
    """Blocks of a long table; the last step of a table may go on in the next."""
    ids: dict[str, None] = {}
    if layout.location in file.schema_arrow.names:
        for batch in file.iter_batches(columns=[layout.location]):
            ids |= dict.fromkeys(map(str, batch.column(0).unique().to_pylist()))
    else:  # a level of an index that has no name
        for frame in _frames(file, 2**20, path, options):
            ids |= dict.fromkeys(map(str, frame[layout.location].unique()))
    rest: pd.DataFrame | None = None
    for frame in frames:
        table = frame if rest is None else pd.concat([rest, frame], ignore_index=True)
        times = table[layout.time]
        if not times.is_monotonic_increasing:
            raise DataError(
                f"{path}: the rows of a long table must be in the order of {layout.time} to be "
                "streamed; sort them, or read the file into memory"
            )
        open_step = times == times.iloc[-1]
        if not open_step.all():
            done = table[~open_step].reset_index(drop=True)
            block = long_to_series(done, layout, path, options, part_of_more=True)
            yield _at_all_locations(block, tuple(ids))
        rest = table[open_step].reset_index(drop=True)
    if rest is not None:
        block = long_to_series(rest, layout, path, options, part_of_more=True)
        yield _at_all_locations(block, tuple(ids))


def _at_all_locations(block: SpatioTemporalSeries, ids: tuple[str, ...]) -> SpatioTemporalSeries:
    """A block of a long table with every location of the file, missing where it has no row."""
    places = {name: i for i, name in enumerate(ids)}
    at = [places[name] for name in block.location_ids]
    values = np.full((block.num_steps, len(ids), block.num_features), np.nan, np.float32)
    values[:, at] = block.values
    return block.with_changes(values=values, mask=None, location_ids=ids, part_of_more=True)


register_reader(
    Reader(
        "parquet",
        (".parquet", ".pq"),
        (b"PAR1",),
        read_parquet,
        stream=stream_parquet,
        settings=TABLE_SETTINGS,
        frames=parquet_frames,
    )
)
