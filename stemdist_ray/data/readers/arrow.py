"""Arrow IPC and Feather files with a wide or long table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import feather

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import Reader, register_reader
from stemdist_ray.data.readers.tables import TABLE_SETTINGS, frame_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def read_arrow(path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Read an Arrow IPC file (random access or stream) or a Feather file.

    Raises:
        DataError: The file is damaged or its table is neither wide nor long.
    """
    try:
        with path.open("rb") as file:
            is_stream = file.read(6) not in (b"ARROW1", b"FEA1")
        if is_stream:
            with pa.ipc.open_stream(path) as reader:
                table = reader.read_all()
        else:
            table = feather.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Arrow: {error}") from error
    return frame_to_series(table.to_pandas(), path, options)


register_reader(
    Reader(
        "arrow",
        (".arrow", ".feather", ".ipc", ".arrows"),
        (b"ARROW1",),
        read_arrow,
        settings=TABLE_SETTINGS,
    )
)
