"""CSV, wide (a column per location) or long (a row per step and location)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import Reader, register_reader
from stemdist_ray.data.readers.tables import TABLE_SETTINGS, frame_to_series
from stemdist_ray.data.readers.text import commonest_separator, opened_text
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

_FIRST_ROWS = 20  # that tell what a header is


def read_csv(path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Read a CSV file, separated by comma, semicolon or tab unless something else is said.

    Args:
        path: The file.
        options: Whether there is a header; how times are written; whether rows are locations.

    Raises:
        DataError: The file is not such a table.
    """
    try:
        separator = _separator(path, options)
        names = _column_names(path, separator, options)
        with opened_text(path, options) as file:
            table = pd.read_csv(
                file,
                sep=separator,
                decimal=options.decimal or ".",
                thousands=options.thousands,
                names=range(len(names)),
                header=None,
                skiprows=0 if options.header is False else 1,
                index_col=False,
                skip_blank_lines=len(names) > 1,  # in a single column they are missing readings
            )
    except (OSError, ValueError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as CSV: {reason}") from error
    # Columns without a name and without readings come of delimiters at the ends of rows.
    kept = [i for i, name in enumerate(names) if name or table.iloc[:, i].notna().any()]
    table = table.iloc[:, kept].set_axis([names[i] or f"Unnamed: {i}" for i in kept], axis=1)
    if options.header is None:
        _check_header(table, path)
    return frame_to_series(table, path, options)


def _separator(path: Path, options: ReadConfig) -> str:
    if options.separator is not None:
        named = {"tab": "\t", "\\t": "\t", "space": " "}
        return named.get(options.separator, options.separator)
    with opened_text(path, options) as file:
        return commonest_separator(file.readline())


def _column_names(path: Path, separator: str, options: ReadConfig) -> list[str]:
    """Names of the columns, one per field of a row.

    Raises:
        DataError: Rows differ in their number of fields, or a name occurs twice.
    """
    with opened_text(path, options) as file:
        header = next(csv.reader([file.readline()], delimiter=separator), [])
        if options.header is False:
            width, names = len(header), [f"{i}" for i in range(len(header))]
        else:
            names = [name.strip() for name in header]
            width = len(names)
            first = next(_widths(file, separator), width)
            if first == width + 1:
                # R's write.table names no column of row labels; trailing delimiters look the same.
                with opened_text(path, options) as again:
                    rows = list(islice(csv.reader(again, delimiter=separator), 1, _FIRST_ROWS))
                labels_last = all(row and row[-1].strip() == "" for row in rows)
                names = [*names, ""] if labels_last else ["Unnamed: 0", *names]
                width = first
    _check_widths(path, separator, width, options)
    counted = Counter(name for name in names if name)
    twice = [name for name, count in counted.items() if count > 1]
    if twice:
        raise DataError(
            f"{path}: two columns are called {twice[0]!r}; expected a header row of location ids, "
            "each once. Where the file has no header row, say data.read.header: false"
        )
    return names if options.header is False else _unnamed(names)


def _unnamed(names: list[str]) -> list[str]:
    """An unnamed first column, as ``DataFrame.to_csv`` writes its index."""
    return ["Unnamed: 0", *names[1:]] if len(names) > 1 and names[0] == "" else names


def _widths(lines: Iterator[str], separator: str) -> Iterator[int]:
    """Fields of each row that is not empty."""
    for line in lines:
        if line.strip():
            if '"' in line:
                yield len(next(csv.reader([line], delimiter=separator)))
            else:
                yield line.count(separator) + 1


def _check_widths(path: Path, separator: str, width: int, options: ReadConfig) -> None:
    """What pandas does not do: it fills short rows with gaps and cuts long ones."""
    skipped = 0 if options.header is False else 1
    with opened_text(path, options) as file:
        for row, found in enumerate(islice(_widths(file, separator), skipped, None), 1):
            if found != width:
                raise DataError(
                    f"{path}: data row {row} has {found} fields, the others have {width}; cannot "
                    "be read as CSV"
                )


def _check_header(table: pd.DataFrame, path: Path) -> None:
    """A file without a header loses its first row of readings to the column names."""
    names = [str(name) for name in table.columns]
    numbers = pd.to_numeric(pd.Series(names), errors="coerce")
    if len(names) < 2 or numbers.isna().any() or len(table) == 0:
        return
    if any("." in name for name in names) or _like_readings(numbers, table):
        raise DataError(
            f"{path}: the first row ({names[0]}, {names[1]}, ...) looks like readings; expected "
            "a header row of location ids. Say by data.read.header whether it is one"
        )


def _like_readings(names: pd.Series, table: pd.DataFrame) -> bool:
    """Whether most names, as numbers, lie where the readings of their own columns do."""
    if (names.diff().iloc[1:] == 1).all():
        return False  # columns that are numbered
    readings = table.select_dtypes("number")
    if readings.shape[1] < table.shape[1]:
        return False
    low, high = readings.min().to_numpy(), readings.max().to_numpy()
    own = names.to_numpy(float)
    spread = high - low
    return bool(((own >= low - spread) & (own <= high + spread)).mean() > 0.5)


register_reader(
    Reader(
        "csv",
        (".csv", ".tsv", ".txt"),
        (),
        read_csv,
        settings=TABLE_SETTINGS | {"header", "separator", "decimal", "thousands", "encoding"},
        compressed=True,
    )
)
