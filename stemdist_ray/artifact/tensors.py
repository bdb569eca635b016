"""Arrays as columns of Parquet files that any Arrow reader understands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stemdist_ray.system.files import replacing_file


def tensor_column(array: npt.NDArray[Any]) -> pa.ExtensionArray:
    """One fixed-shape tensor per row: (rows, ...)."""
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(array))


def read_tensor(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Read what :func:`tensor_column` made."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    array: npt.NDArray[Any] = whole.to_numpy_ndarray()
    return array.copy()


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table aside and swap it in."""
    with replacing_file(path) as aside:
        pq.write_table(table, aside, compression="zstd")
