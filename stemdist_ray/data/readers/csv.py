"""CSV, wide: a row per step, a column per location, an optional time column in front."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stemdist_ray.data.readers.base import Reader, register_reader, table_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def read_csv(path: Path) -> SpatioTemporalSeries:
    """Read a wide CSV file with a header row of location ids; compressed files too.

    Raises:
        DataError: The file is not such a table.
    """
    try:
        # "auto" separators guess wrong on one column; comma, semicolon and tab cover practice.
        header = pd.read_csv(path, nrows=0, sep=None, engine="python")
        separator = _separator(path) if header.shape[1] <= 1 else None
        table = pd.read_csv(
            path, sep=separator, engine="python" if separator is None else "c", index_col=False
        )
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8: {error.reason}") from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as CSV: {reason}") from error
    return table_to_series(table, path, path.name)


def _separator(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


register_reader(Reader("csv", (".csv", ".tsv", ".txt"), (), read_csv))
