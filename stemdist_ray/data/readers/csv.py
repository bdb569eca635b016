"""CSV, wide: a row per step, a column per location, an optional time column in front."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import Reader, register_reader, table_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def read_csv(path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Read a wide CSV file with a header row of location ids, separated by comma, semicolon or tab.

    Raises:
        DataError: The file is not such a table.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline()
        separator = max(",;\t", key=header.count)
        table = pd.read_csv(path, sep=separator, index_col=False, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8: {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as CSV: {reason}") from error
    _check_header(table, path)
    return table_to_series(table, path, path.name)


def _check_header(table: pd.DataFrame, path: Path) -> None:
    """A file without a header loses its first row of readings to the column names."""
    names = [str(name) for name in table.columns]
    if len(names) > 1 and all(_is_fraction(name) for name in names):
        raise DataError(
            f"{path}: the first row ({names[0]}, {names[1]}, ...) looks like readings; expected "
            "a header row of location ids"
        )


def _is_fraction(name: str) -> bool:
    # pandas numbers repeated names: 64.375, 64.375.1
    digits = name.replace(".", "", 2).lstrip("-")
    return "." in name and digits.isdigit()


register_reader(Reader("csv", (".csv", ".tsv", ".txt"), (), read_csv))
