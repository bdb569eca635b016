"""From what files call a time to time stamps. Never guessed: what fits two readings is refused.

Sources write times as text of many orders, with and without offsets, as seconds since 1970, as
YYYYMMDD, as the day numbers of spreadsheets. A column is read in one way from top to bottom.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.zones import of_local_clocks
from stemdist_ray.errors import DataError

TIME_NAMES = frozenset(
    (
        *("time", "timestamp", "timestamps", "datetime", "date", "date_time", "ds", "t"),
        *("epoch", "timestep", "time_step", "step", "year"),
    )
)

Stamps = npt.NDArray[np.datetime64]

# Seconds since 1970 between 1973 and 2100; the finer units are a thousandfold each.
_EPOCH = (1e8, 4.2e9)
EPOCH_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
# Lengths of numbers that are written like dates, and their formats.
_WRITTEN = {4: "%Y", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_YEARS = (1900, 2200)
# Days since 1899-12-30, as spreadsheets count: 1954 to 2119.
_EXCEL = (20_000.0, 80_000.0)
_EXCEL_ORIGIN = "1899-12-30"
_YEAR_NAMES = frozenset({"year", "date"})
_DATE_NAMES = frozenset({"date", "datetime", "date_time"})

_CLOCK = re.compile(r"\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([AaPp][Mm])?\s*")
_TWO_ORDERS = re.compile(r"\s*(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{2}|\d{4})(\D.*)?")
_DATE = re.compile(r".*(\d{4}|\d{1,2}[/.\-]\d{1,2}[/.\-]\d{2}).*", re.DOTALL)
_OFFSET = re.compile(r".*\d\s*(Z|[+-]\d{2}:?\d{2})\s*")
NAMED_FORMATS = ("epoch-s", "epoch-ms", "epoch-us", "epoch-ns", "excel")


def to_datetime64(
    values: Any,
    path: Path,
    options: ReadConfig | None = None,
    column: str = "time",
    places: npt.NDArray[np.int64] | None = None,
) -> Stamps:
    """Parse the time stamps of a column; zones are converted to UTC.

    Args:
        values: A column, an index or an array: dates, text or numbers.
        path: For messages.
        options: ``time_format`` and ``dayfirst`` say how to read them, ``timezone`` whose clocks
            show them.
        column: For messages.
        places: (T,) whose time it is in a long table, for the hour that clocks show twice a year.

    Returns:
        (T,) datetime64[ns].

    Raises:
        DataError: One of them is not a time, or they can be read in two ways.
    """
    options = options or ReadConfig()
    stamps, in_utc = read_times(values, path, options, column)
    if options.timezone is None:
        return stamps
    return of_local_clocks(stamps, in_utc, options.timezone, places, f"{path}: column {column!r}")


def read_times(values: Any, path: Path, options: ReadConfig, column: str) -> tuple[Stamps, bool]:
    """:func:`to_datetime64` before local clocks become UTC, and whether there is nothing to do.

    Raises:
        DataError: One of them is not a time, or they can be read in two ways.
    """
    where = f"{path}: column {column!r}"
    plain = pd.Series(np.asarray(values)) if isinstance(values, list) else pd.Series(values)
    if isinstance(plain.dtype, pd.PeriodDtype):
        plain = pd.Series(plain.dt.to_timestamp())
    if pd.api.types.is_datetime64_any_dtype(plain):
        return _nanoseconds(pd.DatetimeIndex(plain), where)
    if pd.api.types.is_numeric_dtype(plain):
        numbers = plain.to_numpy(dtype=np.float64, na_value=np.nan)
        return _of_numbers(numbers, column, where, options)
    return _of_text(plain, column, where, options)


def are_dates(values: pd.Series) -> bool:
    """Whether all of some texts are dates; ids such as M1, 1-2 or 007 are none."""
    if not len(values) or values.isna().any():
        return False
    text = values.astype(str)
    if pd.to_numeric(text, errors="coerce").notna().any():
        return False
    if not text.map(lambda t: _DATE.fullmatch(t) is not None).all():
        return False
    return bool(pd.to_datetime(text, errors="coerce", format="mixed").notna().all())


def are_clocks(values: pd.Series) -> bool:
    """Whether all of some texts are times of day."""
    if not len(values) or values.isna().any():
        return False
    return bool(values.astype(str).map(_CLOCK.fullmatch).notna().all())


def check_unread(options: ReadConfig, path: Path) -> None:
    """Refuse settings of times where no times were found: they would be overlooked.

    Raises:
        DataError: Names the first of them.
    """
    for name in ("time_format", "dayfirst", "timezone"):
        if getattr(options, name) is not None:
            raise DataError(
                f"{path}: data.read.{name} says how times are written, and nothing looks like "
                "times; where a column holds them, name it by data.read.time_column"
            )


def number_format(values: npt.NDArray[np.float64], column: str) -> str | None:
    """How numbers stand for times: one of :data:`NAMED_FORMATS`, a format, or None = they do not.

    Args:
        values: (T,) numbers.
        column: Name of their column; days of spreadsheets are only looked for in dates.
    """
    if not len(values) or not np.isfinite(values).all():
        return None
    low, high = float(values.min()), float(values.max())
    whole = bool((values == np.floor(values)).all())
    for digits, written in _WRITTEN.items():
        if digits == 4 and column.strip().lower() not in _YEAR_NAMES:
            continue
        if whole and 10.0 ** (digits - 1) <= low and high < 10.0**digits:
            text = pd.Series(values.astype(np.int64).astype(str))
            years = text.str[:4].astype(int)
            parsed = pd.to_datetime(text, format=written, errors="coerce")
            if years.between(*_YEARS).all() and parsed.notna().all():
                return written
    for unit, size in EPOCH_UNITS.items():
        if _EPOCH[0] * size <= low and high <= _EPOCH[1] * size:
            return f"epoch-{unit}"
    is_date = column.strip().lower() in _DATE_NAMES
    return "excel" if is_date and _EXCEL[0] <= low and high <= _EXCEL[1] else None


def stamps_of_numbers(values: npt.NDArray[np.float64], column: str) -> npt.NDArray[np.int64] | None:
    """(T,) nanoseconds since 1970 of whole numbers, None where their looks are not those of times.

    Years and days of spreadsheets look like readings, and are known by the column's name alone.
    """
    found = number_format(values, column)
    if found is None or found in ("excel", _WRITTEN[4]):
        return None
    whole = values.astype(np.int64)
    if found.startswith("epoch-"):
        return whole * int(1e9 / EPOCH_UNITS[found.removeprefix("epoch-")])
    stamps = pd.to_datetime(pd.Series(whole.astype(str)), format=found)
    return np.asarray(stamps.to_numpy("datetime64[ns]").astype(np.int64))


def _of_numbers(
    values: npt.NDArray[np.float64], column: str, where: str, options: ReadConfig
) -> tuple[Stamps, bool]:
    if np.isnan(values).any():
        row = int(np.flatnonzero(np.isnan(values))[0])
        raise DataError(f"{where}: the time stamp of data row {row + 1} is missing")
    found = options.time_format or number_format(values, column)
    if found is None:
        raise DataError(
            f"{where} holds numbers ({values[0]:g}, ...) that are no known time stamps; say how to "
            f"read them by data.read.time_format: {', '.join(NAMED_FORMATS)}, or a format such as "
            "%Y%m%d"
        )
    if found == "excel":
        if values.min() < 0 or values.max() > 2e5:
            raise DataError(f"{where}: {values.max():g} is no day number of a spreadsheet")
        days = pd.to_timedelta(np.round(values * 86_400), unit="s")
        return _nanoseconds(pd.DatetimeIndex(pd.Timestamp(_EXCEL_ORIGIN) + days), where)
    if found.startswith("epoch-"):
        unit = found.removeprefix("epoch-")
        if unit not in EPOCH_UNITS:
            raise DataError(f"{where}: {found} is none of {', '.join(NAMED_FORMATS)}")
        if (values == np.floor(values)).all():
            stamps = values.astype(np.int64).astype(f"datetime64[{unit}]")
        else:
            stamps = np.round(values * 1e6 / EPOCH_UNITS[unit]).astype("datetime64[us]")
        return _nanoseconds(pd.DatetimeIndex(stamps).tz_localize("UTC"), where)
    if (values != np.floor(values)).any():
        raise DataError(f"{where}: {values[0]:g} is no whole number; {found} needs one")
    text = pd.Series(values.astype(np.int64).astype(str))
    return _parsed(text, where, format=found)


def _of_text(
    values: pd.Series, column: str, where: str, options: ReadConfig
) -> tuple[Stamps, bool]:
    empty = values.isna().to_numpy() | (values.astype(str).str.strip() == "").to_numpy()
    if empty.any():
        row = int(np.flatnonzero(empty)[0])
        raise DataError(f"{where}: the time stamp of data row {row + 1} is missing")
    text = values.astype(str)
    if options.time_format is not None and not options.time_format.startswith(("epoch", "excel")):
        return _parsed(text, where, format=options.time_format)
    numbers = pd.to_numeric(text, errors="coerce")
    if numbers.notna().all():
        return _of_numbers(numbers.to_numpy(np.float64), column, where, options)
    if are_clocks(text):
        raise DataError(
            f"{where} holds times of day without a date ({text.iloc[0]}, ...); expected dates. "
            "Leave the column out and give data.start and data.sampling_step"
        )
    parts = text.map(_TWO_ORDERS.fullmatch)
    if parts.notna().all():
        return _parsed(text, where, dayfirst=_day_first(parts, where, options))
    offsets = text.map(lambda t: _OFFSET.fullmatch(t) is not None)
    if offsets.any() and not offsets.all():
        row = int(np.flatnonzero(~offsets.to_numpy())[0])
        raise DataError(
            f"{where}: some time stamps have an offset from UTC and that of data row {row + 1} "
            f"({text.iloc[row]}) has none"
        )
    return _parsed(text, where, utc=bool(offsets.all()))


def _day_first(parts: pd.Series, where: str, options: ReadConfig) -> bool:
    """Whether dates like 3/4/2021 have the day in front; one order for the whole column."""
    first = parts.map(lambda m: int(m[1])).to_numpy()
    second = parts.map(lambda m: int(m[2])).to_numpy()
    day, month = bool((second <= 12).all()), bool((first <= 12).all())
    if options.dayfirst is not None:
        if not (day if options.dayfirst else month):
            wrong = np.flatnonzero((second if options.dayfirst else first) > 12)[0]
            raise DataError(
                f"{where}, data row {wrong + 1}: {parts.iloc[wrong][0].strip()} has no month where "
                "data.read.dayfirst says it is"
            )
        return options.dayfirst
    if parts.map(lambda m: len(m[3])).min() == 2:
        raise DataError(
            f"{where}: years of two digits ({parts.iloc[0][0].strip()}) may stand in front or at "
            "the end; say by data.read.time_format, e.g. %d/%m/%y"
        )
    if day and month and (first != second).any():
        shown = parts.iloc[int(np.flatnonzero(first != second)[0])][0].strip()
        raise DataError(
            f"{where}: in {shown} either number may be the day; say which order the file has by "
            "data.read.dayfirst: true or false"
        )
    return day


def _parsed(text: pd.Series, where: str, **how: Any) -> tuple[Stamps, bool]:
    arguments = {"format": "mixed", **how}
    try:
        stamps = pd.DatetimeIndex(pd.to_datetime(text, **arguments))
    except (TypeError, ValueError, OverflowError) as error:
        try:
            bad = pd.to_datetime(text, errors="coerce", **arguments).isna().to_numpy()
        except ValueError:
            raise DataError(f"{where}: {' '.join(str(error).split())}") from error
        row = int(np.flatnonzero(bad)[0]) if bad.any() else 0
        raise DataError(
            f"{where}, data row {row + 1}: {text.iloc[row]!r} is not a time stamp like the others"
        ) from error
    return _nanoseconds(stamps, where)


def _nanoseconds(stamps: pd.DatetimeIndex, where: str) -> tuple[Stamps, bool]:
    """In UTC, and whether they were that; years beyond nanoseconds would come out as others."""
    in_utc = stamps.tz is not None
    if in_utc:
        stamps = stamps.tz_convert("UTC").tz_localize(None)
    if len(stamps) and not (stamps.min().year > 1677 and stamps.max().year < 2262):
        raise DataError(
            f"{where}: times from {stamps.min()} to {stamps.max()}; expected years 1678 to 2261"
        )
    return np.asarray(stamps.to_numpy().astype("datetime64[ns]")), in_utc
