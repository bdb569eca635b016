"""Arrow IPC and Feather files with a wide or long table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import UNREADABLE, Reader, in_a_line, register_reader
from stemdist_ray.data.readers.parts import frames_to_series
from stemdist_ray.data.readers.tables import TABLE_SETTINGS
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

_HELD = 3  # times a table's size: itself, its columns in pandas, and the readings


def read_arrow(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read an Arrow IPC file (random access or stream) or a Feather file.

    Raises:
        DataError: The file is damaged or its table is neither wide nor long.
    """
    return frames_to_series(arrow_frames(path, options, budget), path, options, budget)


def arrow_frames(path: Path, options: ReadConfig, budget: MemoryBudget) -> Iterator[pd.DataFrame]:
    """The table of an Arrow file."""
    try:
        with path.open("rb") as file:
            head = file.read(6)
        if head.startswith(b"FEA1"):
            table = feather.read_table(path)  # version 1, of a size known before it is read
        else:
            table = _table(path, head == b"ARROW1", budget)
        budget.check(path, _HELD * table.nbytes)
        table.validate(full=True)  # text that is none would be met much later
        frame = table.to_pandas()
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as Arrow: {in_a_line(error)}") from error
    yield frame


def _table(path: Path, is_file: bool, budget: MemoryBudget) -> pa.Table:
    """The table, batch by batch: compressed ones do not say how large they will be."""
    batches, size = [], 0
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        following = (
            map(reader.get_batch, range(reader.num_record_batches)) if is_file else iter(reader)
        )
        for batch in following:
            size += batch.nbytes
            budget.check(path, _HELD * size)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


register_reader(
    Reader(
        "arrow",
        (".arrow", ".feather", ".ipc", ".arrows"),
        (b"ARROW1",),
        read_arrow,
        settings=TABLE_SETTINGS,
        frames=arrow_frames,
    )
)
