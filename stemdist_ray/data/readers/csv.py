"""CSV, wide (a column per location) or long (a row per step and location)."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import Reader, register_reader
from stemdist_ray.data.readers.columns import plain_columns
from stemdist_ray.data.readers.parts import frames_to_series
from stemdist_ray.data.readers.structure import recognised
from stemdist_ray.data.readers.tables import TABLE_SETTINGS
from stemdist_ray.data.readers.text import commonest_separator, opened_text
from stemdist_ray.data.readers.times import are_clocks, are_dates
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.files import unquoted_cell
from stemdist_ray.system.free_memory import MemoryBudget

# What pandas takes for a missing reading.
_MISSING = [
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]
_FIRST_ROWS = 20  # that tell what a header is
_HEAD = 2_000  # rows that tell how numbers are written
_CELLS, _ROWS = 4_000_000, 250_000  # of a part of a table, at most


def read_csv(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a CSV file, separated by comma, semicolon or tab unless something else is said.

    Args:
        path: The file.
        options: Whether there is a header; how times are written; whether rows are locations.
        budget: For its table.

    Raises:
        DataError: The file is not such a table.
    """
    frames, count = _frames_of(path, options, budget)
    return frames_to_series(frames, path, options, budget, count)


def csv_frames(path: Path, options: ReadConfig, budget: MemoryBudget) -> Iterator[pd.DataFrame]:
    """The rows of a CSV file, some million cells at a time; see :func:`read_csv`."""
    return _frames_of(path, options, budget)[0]


def _frames_of(
    path: Path, options: ReadConfig, budget: MemoryBudget
) -> tuple[Iterator[pd.DataFrame], int]:
    """The rows in parts, and how many there are, less those that are blank."""
    with _as_data_errors(path):
        separator = _separator(path, options)
        names, count = _column_names(path, separator, options)
        budget.check_readings(path, (count, len(names)))
        file = _Rows(path, separator, names, options)
        if options.thousands is not None:
            file = replace(file, as_text=_times_as_text(file))
        frames = iter(file)
        first = next(frames, None)
        if first is None or len(first) == 0:
            raise DataError(f"{path}: expected a row per step below the header row; found none")
        if options.header is None:
            _check_header(first, path)
        ids = _column_of_ids(first, path, options)
        if ids is not None:
            # As they are written: 007 is another name than 7, and NA may be one.
            return iter(replace(file, as_text=(*file.as_text, names.index(ids)))), count
        return chain([first], frames), count


def _times_as_text(file: _Rows) -> tuple[int, ...]:
    """Columns of dates and times of day, whose points between are none between thousands.

    Raises:
        DataError: What stands between thousands stands elsewhere in numbers.
    """
    with opened_text(file.path, file.options) as text:
        head = pd.read_csv(
            text,
            sep=file.separator,
            names=range(len(file.names)),
            header=None,
            skiprows=0 if file.options.header is False else 1,
            index_col=False,
            dtype=str,
            nrows=_HEAD,
        )
    between, point = re.escape(file.options.thousands or ""), re.escape(file.options.decimal or ".")
    grouped = re.compile(rf"\s*[-+]?\d{{1,3}}({between}\d{{3}})+({point}\d*)?\s*")
    times = []
    for place, column in head.items():
        known = column.dropna()
        if are_dates(known.head(20)) or are_clocks(known.head(20)):
            times.append(int(str(place)))
            continue
        with_it = known[known.str.contains(between) & known.str.fullmatch(r"[-+\d.,' _]+")]
        wrong = with_it[~with_it.map(lambda cell: grouped.fullmatch(cell) is not None)]
        if len(wrong):
            raise DataError(
                f"{file.path}: {wrong.iloc[0]!r} in data row {wrong.index[0] + 1} has no groups of "
                f"three digits between {file.options.thousands!r}; say how numbers are written by "
                "data.read.decimal and data.read.thousands"
            )
    return tuple(times)


@contextmanager
def _as_data_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as CSV: {reason}") from error


def _column_of_ids(table: pd.DataFrame, path: Path, options: ReadConfig) -> str | None:
    """The column of location ids, where they were read as numbers or as missing."""
    if options.transpose:
        location: Hashable = table.columns[0]
    else:
        layout = recognised(plain_columns(table, path, options), options, path)
        if layout is None or layout.location not in table.columns:
            return None
        location = layout.location
    column = table[location]
    changed = pd.api.types.is_numeric_dtype(column) or bool(column.isna().any())
    return str(location) if changed else None


@dataclass(frozen=True)
class _Rows:
    """The rows of a file as tables of some million cells.

    Args:
        path: The file.
        separator: Between fields.
        names: Of the columns, "" for those without.
        options: How numbers are written.
        as_text: Positions of columns that are read as they are written.
    """

    path: Path
    separator: str
    names: list[str]
    options: ReadConfig
    as_text: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        options, names = self.options, self.names
        missing: Any = [*_MISSING, *options.missing_text]
        if self.as_text:  # an id may be called NA
            missing = {i: [""] if i in self.as_text else missing for i in range(len(names))}
        kept: list[int] = []
        unnamed = [i for i, name in enumerate(names) if not name]
        with _as_data_errors(self.path), opened_text(self.path, options) as file:
            tables = pd.read_csv(
                file,
                sep=self.separator,
                decimal=options.decimal or ".",
                thousands=options.thousands,
                names=range(len(names)),
                header=None,
                skiprows=0 if options.header is False else 1,
                index_col=False,
                skip_blank_lines=len(names) > 1,  # in a single column they are missing readings
                dtype=dict.fromkeys(self.as_text, str) or None,
                na_values=missing,
                keep_default_na=False,
                chunksize=min(_ROWS, max(1, _CELLS // len(names))),
                low_memory=False,  # a part is parsed at once, not again in parts of its own
            )
            for table in tables:
                for place in self.as_text:
                    table[place] = table[place].str.strip()
                filled = [i for i in unnamed if table[i].notna().any()]
                if not kept:
                    # Columns without a name and without readings come of delimiters at the ends.
                    kept = sorted({*range(len(names))} - {*unnamed} | {*filled})
                lost = sorted({*filled} - {*kept})
                if lost:
                    raise DataError(
                        f"{self.path}: column {lost[0] + 1} has no name and is empty at first, "
                        "but not in all rows; name it in the header row"
                    )
                table = table if len(kept) == len(names) else table.iloc[:, kept]
                yield table.set_axis([names[i] or f"Unnamed: {i}" for i in kept], axis=1)


def _separator(path: Path, options: ReadConfig) -> str:
    if options.separator is not None:
        named = {"tab": "\t", "\\t": "\t", "space": " "}
        separator = named.get(options.separator, options.separator)
        if len(separator) != 1 or separator in '"\r\n':
            raise DataError(
                f"{path}: data.read.separator is {options.separator!r}; expected one character, "
                "tab or space"
            )
        return separator
    with opened_text(path, options) as file:
        return commonest_separator(file.readline())


def _column_names(path: Path, separator: str, options: ReadConfig) -> tuple[list[str], int]:
    """Names of the columns, one per field of a row, and the number of rows.

    Raises:
        DataError: Rows differ in their number of fields, or a name occurs twice.
    """
    with opened_text(path, options) as file:
        header = next(csv.reader([file.readline()], delimiter=separator), [])
        if options.header is False:
            width, names = len(header), [f"{i}" for i in range(len(header))]
        else:
            names = [unquoted_cell(name.strip()) for name in header]
            width = len(names)
            first = next(_widths(file, separator), width)
            if first == width + 1:
                # R's write.table names no column of row labels; trailing delimiters look the same.
                with opened_text(path, options) as again:
                    rows = list(islice(csv.reader(again, delimiter=separator), 1, _FIRST_ROWS))
                labels_last = all(row and row[-1].strip() == "" for row in rows)
                names = [*names, ""] if labels_last else ["Unnamed: 0", *names]
                width = first
    count = _check_widths(path, separator, width, options)
    counted = Counter(name for name in names if name)
    twice = [name for name, count in counted.items() if count > 1]
    if twice:
        raise DataError(
            f"{path}: two columns are called {twice[0]!r}; expected a header row of location ids, "
            "each once. Where the file has no header row, say data.read.header: false"
        )
    return names if options.header is False else _unnamed(names), count


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


def _check_widths(path: Path, separator: str, width: int, options: ReadConfig) -> int:
    """What pandas does not do: it fills short rows with gaps and cuts long ones. Counts them."""
    row, skipped = 0, 0 if options.header is False else 1
    with opened_text(path, options) as file:
        for row, found in enumerate(islice(_widths(file, separator), skipped, None), 1):
            if found != width:
                raise DataError(
                    f"{path}: data row {row} has {found} fields, the others have {width}; cannot "
                    "be read as CSV"
                )
    return row


def _check_header(table: pd.DataFrame, path: Path) -> None:
    """A file without a header loses its first row of readings to the column names."""
    names = [str(name) for name in table.columns]
    for place, name in enumerate(names):
        if are_dates(pd.Series([name, str(table.iloc[0, place])])):
            raise DataError(
                f"{path}: the first row ({', '.join(names[:3])}, ...) begins a column of times "
                "with one of them; expected a header row. Where there is none, say "
                "data.read.header: false"
            )
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
        settings=TABLE_SETTINGS
        | {"header", "separator", "decimal", "thousands", "missing_text", "encoding"},
        compressed=True,
        frames=csv_frames,
    )
)
