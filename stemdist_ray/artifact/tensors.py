"""Arrays as columns of Parquet files that any reader of Parquet understands.

A row holds a tensor as lists of a fixed size in lists of a fixed size, so that Hugging Face
``datasets``, pandas and polars read it: they do not all know Arrow's tensor type, in which schema
versions 1 to 4 of the data set were written and which is read as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stemdist_ray.system.files import replacing_file

SHAPES = b"tensor_shapes"
"""Key of a file's metadata: the shape of a row of each tensor column, JSON by column."""


def tensor_column(array: npt.NDArray[Any]) -> pa.Array:
    """One tensor per row.

    Args:
        array: (rows, ...) numbers; no axis but the first may have the size 0.

    Raises:
        ValueError: There is such an axis.
    """
    if array.ndim < 2 or 0 in array.shape[1:]:
        raise ValueError(f"rows of an array of shape {array.shape} are no tensors with entries")
    column = pa.array(np.ascontiguousarray(array).reshape(-1))
    for size in reversed(array.shape[1:]):
        # That none is missing within a row, said in the schema, halves the time of reading.
        kind = pa.list_(pa.field("element", column.type, nullable=False), size)
        column = pa.FixedSizeListArray.from_arrays(column, type=kind)
    return column


def read_tensor(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Read what :func:`tensor_column` made, today or in an earlier release.

    Returns:
        (rows, ...) of the dtype that was written, a copy that may be changed.

    Raises:
        ValueError: The column holds something else, or an entry is missing.
    """
    shape, number = row_of(column.type)
    if not (shape and (pa.types.is_floating(number) or pa.types.is_integer(number))):
        raise ValueError(f"expected numbers in lists of a fixed size, found {column.type}")
    parts = [np.zeros(0, number.to_pandas_dtype()), *map(_entries, column.chunks)]
    return np.concatenate(parts).reshape(-1, *shape)


def row_of(kind: pa.DataType) -> tuple[tuple[int, ...], pa.DataType]:
    """Shape of one row of a column, () where it is no tensor, and the type of what it holds."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return tuple(kind.shape), kind.value_type
    sizes = []
    while pa.types.is_fixed_size_list(kind):
        sizes.append(kind.list_size)
        kind = kind.value_type
    return tuple(sizes), kind


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table aside and swap it in; its schema's metadata name the shapes of tensors."""
    shapes = {
        field.name: list(row_of(field.type)[0])
        for field in table.schema
        if pa.types.is_fixed_size_list(field.type)
    }
    if shapes:
        known = table.schema.metadata or {}
        table = table.replace_schema_metadata({**known, SHAPES: json.dumps(shapes)})
    with replacing_file(path) as aside:
        pq.write_table(table, aside, compression="zstd")


def _entries(rows: pa.Array) -> npt.NDArray[Any]:
    """The numbers of some rows as one axis, no copy: their buffer as it is."""
    lists = rows.storage if isinstance(rows, pa.ExtensionArray) else rows
    while pa.types.is_fixed_size_list(lists.type) and not lists.null_count:
        lists = lists.flatten()
    if lists.null_count:
        what = "numbers" if pa.types.is_primitive(lists.type) else "lists of numbers"
        raise ValueError(f"{lists.null_count} {what} are missing")
    numbers: npt.NDArray[Any] = lists.to_numpy(zero_copy_only=True)
    return numbers
