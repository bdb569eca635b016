"""How a source name finds its reader, and helpers that readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.times import TIME_NAMES, number_format, to_datetime64
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

GRID_SETTINGS = frozenset({"select"})
TABLE_SETTINGS = frozenset({"transpose", "time_format", "dayfirst"})


@dataclass(frozen=True)
class Reader:
    """One format.

    Args:
        name: Shown by ``describe``.
        suffixes: File endings it claims.
        magic: First bytes it recognises where the ending says nothing.
        recognises_folder: Whether a folder is in this format, None = it reads files only.
        read: Turns a path into a series.
        stream: Turns a path into consecutive blocks of steps of at most that many bytes, for
            files larger than memory; None = the format cannot be read in blocks.
        settings: Those of :class:`stemdist_ray.config.ReadConfig` that it heeds; any other is
            refused rather than overlooked.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...]
    read: Callable[[Path, ReadConfig], SpatioTemporalSeries]
    recognises_folder: Callable[[Path], bool] | None = None
    stream: Callable[[Path, ReadConfig, int], Iterator[SpatioTemporalSeries]] | None = None
    settings: frozenset[str] = frozenset()

    def check(self, path: Path, options: ReadConfig) -> None:
        """Refuse settings that say nothing about this format.

        Raises:
            DataError: Names the first of them.
        """
        for name in sorted(options.model_fields_set - self.settings):
            if getattr(options, name) != getattr(ReadConfig(), name):
                raise DataError(
                    f"{path}: data.read.{name} says nothing about the format {self.name}; leave it "
                    "out"
                )


READERS: dict[str, Reader] = {}


def register_reader(reader: Reader) -> Reader:
    """Make a reader known."""
    READERS[reader.name] = reader
    return reader


def find_reader(path: Path) -> Reader:
    """Choose the reader of a path by ending, then by content.

    Raises:
        DataError: Nothing is there, or no reader knows it.
    """
    if not path.exists():
        raise DataError(
            f"{path}: no such file or folder; SOURCE is a path, demo, or sim:traffic?..."
        )
    if path.is_dir():
        for reader in READERS.values():
            if reader.recognises_folder is not None and reader.recognises_folder(path):
                return reader
        raise DataError(f"{path}: a folder of no known format; {_known()}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    for reader in READERS.values():
        if reader.recognises_folder is None and suffix in reader.suffixes:
            return reader
    with path.open("rb") as file:
        head = file.read(16)
    for reader in READERS.values():
        if any(head.startswith(magic) for magic in reader.magic):
            return reader
    raise DataError(f"{path}: unknown format (ending {suffix or 'none'!s}); {_known()}")


def _known() -> str:
    endings = sorted({s for r in READERS.values() for s in r.suffixes})
    return (
        f"known file endings: {' '.join(endings)}; known folders: Zarr, train/val/test.npz "
        "windows, and what stemdist convert writes"
    )


def steps_per_block(block_bytes: int, locations: int, features: int) -> int:
    """How many steps of float32 readings fit a block (at least one)."""
    return max(1, block_bytes // (4 * locations * features))


def table_to_series(
    table: pd.DataFrame,
    path: Path,
    name: str,
    options: ReadConfig | None = None,
    part_of_more: bool = False,
) -> SpatioTemporalSeries:
    """Turn a wide table (a row per step, a column per location) into a series.

    The time stamps come from a datetime index, or from a first column that is
    called like a time or that holds times.

    Raises:
        DataError: No numeric column, or a cell that is not a number.
    """
    options = options or ReadConfig()
    if options.transpose:
        table = transposed(table, path)
    table, times = split_off_times(table, path, options)
    if table.shape[1] == 0 or len(table) == 0:
        raise DataError(f"{path}: expected a row per step and a column per location; found none")
    return SpatioTemporalSeries(
        values=numeric(table, path)[:, :, None],
        times=times,
        location_ids=tuple(str(c) for c in table.columns),
        name=name,
        part_of_more=part_of_more,
    )


def transposed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A table of a row per location as one of a row per step; its first column names locations.

    Raises:
        DataError: A location is named twice.
    """
    if isinstance(table.index, pd.RangeIndex):
        table = table.set_index(table.columns[0])
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise DataError(f"{path}: location {str(twice[0])!r} has two rows")
    turned = table.T.reset_index(names="time")
    turned.columns = [str(name) for name in turned.columns]
    numbers = pd.to_numeric(turned["time"], errors="coerce")
    return turned if numbers.isna().any() else turned.assign(time=numbers)


def numeric(table: pd.DataFrame, path: Path) -> npt.NDArray[np.float32]:
    """Convert all cells to float32; empty cells become NaN.

    Raises:
        DataError: Names the first column and row that is not a number.
    """
    columns = []
    for name in table.columns:
        column = table[name]
        try:
            columns.append(column.to_numpy(dtype=np.float32, na_value=np.nan))
        except (TypeError, ValueError) as error:
            bad = pd.to_numeric(column, errors="coerce").isna() & column.notna()
            row = int(np.flatnonzero(bad.to_numpy())[0]) if bad.any() else 0
            raise DataError(
                f"{path}: column {str(name)!r}, data row {row + 1}: expected a number, found "
                f"{column.iloc[row]!r}"
            ) from error
    return np.stack(columns, axis=1)


def split_off_times(
    table: pd.DataFrame, path: Path, options: ReadConfig
) -> tuple[pd.DataFrame, npt.NDArray[np.datetime64] | None]:
    """Separate the time stamps from the locations.

    Raises:
        DataError: They cannot be read, or the columns are times, not locations.
    """
    if isinstance(table.index, pd.DatetimeIndex):
        return table, to_datetime64(table.index, path, options)
    if table.shape[1] == 0 or len(table) == 0:
        return table, None
    first = table.columns[0]
    _check_columns_are_no_times(table, path)
    column = table[first]
    named = str(first).strip().lower() in TIME_NAMES or str(first).startswith("Unnamed: 0")
    is_text = not pd.api.types.is_numeric_dtype(column)
    if pd.api.types.is_datetime64_any_dtype(column) or (
        is_text and (named or _looks_like_time(column))
    ):
        return table.drop(columns=first), to_datetime64(column, path, options, str(first))
    if not named or len(table) < 2:
        return table, None
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    if options.time_format is None and number_format(numbers, str(first)) is None:
        ahead = np.diff(numbers)
        if (ahead == 1).all() or (str(first).startswith("Unnamed") and (ahead > 0).all()):
            # A running number: it orders the rows and says nothing else.
            return table.drop(columns=first), None
        if str(first).strip().lower() == "t":
            return table, None  # a temperature, say
    return table.drop(columns=first), to_datetime64(column, path, options, str(first))


def _check_columns_are_no_times(table: pd.DataFrame, path: Path) -> None:
    """Stations as rows would be read as steps, and their steps as locations."""
    names = pd.Series([str(name) for name in table.columns[1:4]])
    if len(names) < 2 or pd.to_numeric(names, errors="coerce").notna().any():
        return
    if pd.to_datetime(names, errors="coerce", format="mixed").notna().all():
        raise DataError(
            f"{path}: the columns are named like times ({names[0]}, {names[1]}, ...); expected a "
            "row per step. Read a row per location by data.read.transpose"
        )


def _looks_like_time(column: pd.Series) -> bool:
    return bool(pd.to_datetime(column.head(5), errors="coerce", format="mixed").notna().all())
