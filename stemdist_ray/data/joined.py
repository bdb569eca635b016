"""Reading the files of a source as one series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.files import SourceFiles
from stemdist_ray.data.merge import merged
from stemdist_ray.data.readers.columns import plain_columns
from stemdist_ray.data.readers.parts import frames_to_series
from stemdist_ray.data.readers.reading import with_facts
from stemdist_ray.data.readers.series_rows import has_series_rows
from stemdist_ray.data.readers.structure import LongTable, as_columns, check_plain, recognised
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.system.free_memory import MemoryBudget

_ROWS_OF_EACH = 2_000  # of each file, that tell what its columns are


def read_files(
    files: SourceFiles, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Read one file, or several as one series.

    Rows of long tables are put together before they are read, others are merged by time stamps,
    locations and features; see :func:`stemdist_ray.data.merge.merged`.

    Args:
        files: The files.
        options: How they are to be read.
        budget: For all readings.

    Raises:
        DataError: A file cannot be read, or they are no parts of one series.
    """
    reader = files.reader
    reader.check(files.source, options)
    if len(files.paths) == 1 and not files.keys(files.paths[0]):
        series = reader.read(files.paths[0], options, budget)
    elif (layout := _of_long_rows(files, options, budget)) is not None:
        rows = _rows(files, _with_location(options, layout, files), budget)
        series = frames_to_series(rows, files.source, options, budget)
    else:
        parts = [reader.read(path, options, budget) for path in files.paths]
        series = merged(parts, files.source.name, budget, options.duplicates)
    facts = {
        "settings": {
            name: _shown(getattr(options, name))
            for name in sorted(options.model_fields_set)
            if getattr(options, name) != getattr(ReadConfig(), name)
        }
        or None,
        "files": len(files.paths) if len(files.paths) > 1 else None,
        "ignored_files": [path.name for path in files.ignored] or None,
    }
    return series.with_changes(attributes=with_facts(series.attributes, **facts))


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _of_long_rows(
    files: SourceFiles, options: ReadConfig, budget: MemoryBudget
) -> LongTable | None:
    """The columns of the long table that the files are parts of, by the first rows of each."""
    if files.reader.frames is None or options.transpose:
        return None
    heads: list[pd.DataFrame] = []
    for path in files.paths:
        first = next(files.reader.frames(path, options, budget), None)
        if first is None or has_series_rows(first, options):
            return None
        check_plain(first, path)
        head = plain_columns(_with_keys(first.head(_ROWS_OF_EACH), files, path), path, options)
        if heads and list(head.columns) != list(heads[0].columns):
            return None
        heads.append(head)
    table = pd.concat(heads, ignore_index=heads[0].columns.nlevels == 1)
    return recognised(table, options, files.source)


def _with_location(options: ReadConfig, layout: LongTable, files: SourceFiles) -> ReadConfig:
    """Settings that name the column of ids: a file of one location does not tell which one it is.

    Ids of text files are read as they are written (007 is another one than 7) where it is known.
    """
    if any(layout.location in files.keys(path) for path in files.paths):
        return options
    return options.model_copy(update={"location_column": str(layout.location)})


def _rows(files: SourceFiles, options: ReadConfig, budget: MemoryBudget) -> Iterator[pd.DataFrame]:
    """One after the other; all of them in one part where that is not large."""
    assert files.reader.frames is not None
    held: list[pd.DataFrame] = []
    cells = 0
    for path in files.paths:
        for frame in files.reader.frames(path, options, budget):
            held.append(as_columns(_with_keys(frame, files, path)))
            cells += frame.size
            if cells > _CELLS:
                yield pd.concat(held, ignore_index=True)
                held, cells = [], 0
    if held:
        yield pd.concat(held, ignore_index=True)


_CELLS = 4_000_000


def _with_keys(frame: pd.DataFrame, files: SourceFiles, path: Path) -> pd.DataFrame:
    return frame.assign(**files.keys(path))
