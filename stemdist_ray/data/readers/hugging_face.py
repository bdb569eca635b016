"""Folders that ``datasets.save_to_disk`` wrote: Arrow streams, read with pyarrow alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import UNREADABLE, Reader, in_a_line, register_reader
from stemdist_ray.data.readers.tables import TABLE_SETTINGS, frame_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.files import read_json
from stemdist_ray.system.free_memory import MemoryBudget

_HELD = 3  # times a table's size: its columns in pandas, and the readings
_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder holds a data set, or several splits of one."""
    return (path / _SPLITS).is_file() or all((path / name).is_file() for name in (_STATE, _INFO))


def read_saved_dataset(
    path: Path, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Read a saved data set: a row per series, or a wide or long table.

    Args:
        path: The folder.
        options: What the user says of the table.
        budget: For the table and the readings.

    Raises:
        DataError: A file is missing or damaged, or the folder holds several splits.
    """
    if (path / _SPLITS).is_file():
        found = sorted(p.parent.name for p in path.glob(f"*/{_STATE}"))
        raise DataError(
            f"{path}: holds the splits {', '.join(found) or 'of a data set'}; give the folder of "
            f"one of them, e.g. {path / (found[0] if found else 'train')}"
        )
    # Its files are mapped and not compressed, so that their size is that of the table.
    size = sum((path / name).stat().st_size for name in _files(path))
    budget.check(path, _HELD * size)
    tables = [_table(path / name) for name in _files(path)]
    try:
        table = pa.concat_tables(tables).to_pandas()
    except UNREADABLE as error:
        raise DataError(f"{path}: {in_a_line(error)}") from error
    return frame_to_series(table, path, options, budget)


def _files(path: Path) -> list[str]:
    """Names of the Arrow files, in order."""
    try:
        state: Any = read_json(path / _STATE)
        names = [str(entry["filename"]) for entry in state["_data_files"]]
    except UNREADABLE as error:
        raise DataError(
            f"{path / _STATE}: expected the list _data_files of datasets.save_to_disk: {error!r}"
        ) from error
    for name in names:
        if name != Path(name).name or not (path / name).is_file():
            raise DataError(f"{path}: there is no file {name!r}, which {_STATE} names")
    if state.get("_indices_data_files") or not names:
        raise DataError(f"{path}: expected rows in order; write it again by save_to_disk")
    return names


def _table(file: Path) -> pa.Table:
    try:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
            table = reader.read_all()
            table.validate(full=True)  # text that is none would be met much later
            return table
    except UNREADABLE as error:
        raise DataError(f"{file}: cannot be read as Arrow: {in_a_line(error)}") from error


register_reader(
    Reader("hugging_face", (), (), read_saved_dataset, is_saved_dataset, settings=TABLE_SETTINGS)
)
