"""What is done to a table before its columns are looked at."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.clocks import with_clock
from stemdist_ray.data.readers.structure import as_columns


def plain_columns(table: pd.DataFrame, path: Path, options: ReadConfig) -> pd.DataFrame:
    """The table with its index as columns, one column of times and one of location ids.

    Args:
        table: As it was read.
        path: For messages.
        options: ``location_column`` may name several, with commas between: together they are the
            ids.

    Raises:
        DataError: Columns that belong together are no times.
    """
    return _with_joined_ids(with_clock(as_columns(table), path), options)


def _with_joined_ids(table: pd.DataFrame, options: ReadConfig) -> pd.DataFrame:
    wanted = options.location_column
    if wanted is None or "," not in wanted or table.columns.nlevels > 1:
        return table
    names = {str(c): c for c in table.columns}
    parts = [names.get(part.strip()) for part in wanted.split(",")]
    if wanted in names or any(part is None for part in parts):
        return table
    ids = table[parts[0]].astype(str)
    for part in parts[1:]:
        ids = ids + "," + table[part].astype(str)
    # What is missing in one of them is missing in all.
    ids = ids.where(table[parts].notna().all(axis=1))
    return table.drop(columns=parts).assign(**{wanted: ids})
