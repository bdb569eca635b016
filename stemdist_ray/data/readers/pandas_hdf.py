"""The layouts in which pandas keeps tables in HDF5, read without pandas.

``pandas.read_hdf`` goes through PyTables, which unpickles attributes and object columns as soon as
it meets them: opening somebody's file runs whatever that file says. Here h5py gives numbers and
bytes, and nothing is executed. The layouts are those of pandas' ``HDFStore``: fixed (``axis0``,
``axis1``, ``block0_values``, ...) and table (one compound data set), also as pandas on Python 2
wrote them.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from stemdist_ray.data.readers.base_class import UNREADABLE, in_a_line
from stemdist_ray.errors import DataError

if TYPE_CHECKING:
    import h5py

_FIXED, _TABLE, _SERIES, _SERIES_TABLE = "frame", "frame_table", "series", "series_table"
_LONGEST_LIST = 64 * 2**20  # bytes of a list of column names; longer ones are no list of names


class _PlainData(pickle.Unpickler):
    """Builds lists, tuples, strings and numbers; refuses whatever would need code.

    PyTables keeps the column names of the table layout as a pickled list, and nowhere else. Without
    ``find_class`` a pickle can name nothing that could be called.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Nothing is found."""
        raise pickle.UnpicklingError(f"names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        """Nothing is found."""
        raise pickle.UnpicklingError("names a persistent object")


def is_pandas(item: h5py.Group | h5py.Dataset) -> bool:
    """Whether pandas wrote this group."""
    return "pandas_type" in item.attrs


def declared_size(group: h5py.Group) -> int:
    """Bytes that the arrays of a table would take, by what the file says of their shapes."""
    return sum(item.size * item.dtype.itemsize for item in group.values() if hasattr(item, "dtype"))


def read_pandas(group: h5py.Group, path: Path) -> pd.DataFrame:
    """Read one table.

    Args:
        group: Written by ``DataFrame.to_hdf`` or ``Series.to_hdf``.
        path: Of the file, for messages.

    Returns:
        The table with its index.

    Raises:
        DataError: Of another layout, damaged, or with columns of Python objects.
    """
    kind, where = _text(group.attrs["pandas_type"]), f"{path}: table {group.name.lstrip('/')!r}"
    try:
        if kind == _FIXED:
            return _fixed(group, where)
        if kind in (_TABLE, _SERIES_TABLE):
            return _table(group, where)
        if kind == _SERIES:
            return _series(group, where)
    except UNREADABLE as error:
        raise DataError(f"{where} is damaged: {in_a_line(error)}") from error
    raise DataError(f"{where} is a pandas {kind}; expected a DataFrame or a Series")


def _series(group: h5py.Group, where: str) -> pd.DataFrame:
    data = group["values"]
    if _holds_objects(data):
        raise DataError(f"{where} holds Python objects, which are not read: they would run code")
    name = _text(group.attrs.get("name", b""))
    values = _typed(data[()], data, where)
    name = name if name.isprintable() and name not in ("", "N.") else "value"
    return pd.DataFrame({name: values}, index=_axis(group, "index", where))


def _fixed(group: h5py.Group, where: str) -> pd.DataFrame:
    columns, index = _axis(group, "axis0", where), _axis(group, "axis1", where)
    found: dict[Any, np.ndarray] = {}
    for number in range(int(group.attrs["nblocks"])):
        items = _axis(group, f"block{number}_items", where)
        data = group[f"block{number}_values"]
        if _holds_objects(data):
            raise DataError(
                f"{where}: column {_shown(items[0])} holds Python objects, which are not read: "
                "they would run code; write the file again without it, or as Parquet"
            )
        block = data[()]
        if block.shape != (len(index), len(items)):
            block = block.T  # what pandas says in the attribute "transposed"
        if block.shape != (len(index), len(items)):
            raise ValueError(f"block {number} has shape {data.shape}")
        block = _typed(block, data, where)
        found |= {item: block[:, place] for place, item in enumerate(items)}
    if len(columns) != len(found) or not columns.is_unique:
        raise ValueError(f"{len(columns)} columns, of which {len(found)} have values")
    table = pd.DataFrame({place: found[name] for place, name in enumerate(columns)}, index=index)
    table.columns = columns
    return table


def _table(group: h5py.Group, where: str) -> pd.DataFrame:
    data = group["table"]
    if any(data.dtype[name].hasobject for name in data.dtype.names):
        raise DataError(f"{where} holds Python objects, which are not read: they would run code")
    rows, columns = data[()], dict[Any, np.ndarray]()
    index: Any = None
    for field in rows.dtype.names:
        values, kind = rows[field], _text(data.attrs.get(f"{field}_kind", b""))
        if field == "index":
            index = _index(values, kind, _zone(group, data), where)
            continue
        if _text(data.attrs.get(f"{field}_meta", b"")) == "category":
            raise DataError(f"{where}: column {field!r} is categorical; write it as plain values")
        names = _names(data.attrs.get(f"{field}_kind"), field, where)
        values = values if values.ndim == 2 else values[:, None]
        if values.shape[1] != len(names):
            raise ValueError(f"{field} has {values.shape[1]} columns and {len(names)} names")
        written = _text(data.attrs.get(f"{field}_dtype", b""))
        if written.startswith(("datetime64", "timedelta64")):
            values = values.astype(written if "[" in written else f"{written}[ns]")
        columns |= {name: _decoded(values[:, i]) for i, name in enumerate(names)}
    return pd.DataFrame(columns, index=index)


def _names(pickled: Any, field: str, where: str) -> list[Any]:
    """Column names of a field of the table layout."""
    raw = bytes(pickled) if isinstance(pickled, bytes | np.bytes_) else b""
    if not raw or len(raw) > _LONGEST_LIST:
        return [field]
    try:
        names = _PlainData(io.BytesIO(raw), encoding="utf-8").load()
    except (pickle.UnpicklingError, *UNREADABLE) as error:
        raise DataError(
            f"{where}: its column names are kept as Python objects, which are not read: they would "
            f"run code ({in_a_line(error)}); write the file again with format='fixed', or as "
            "Parquet"
        ) from error
    return list(names) if isinstance(names, list | tuple) else [names]


def _axis(group: h5py.Group, name: str, where: str) -> pd.Index:
    if _text(group.attrs.get(f"{name}_variety", b"regular")) != "multi":
        return _plain_axis(group[name], where)
    levels = range(int(group.attrs[f"{name}_nlevels"]))
    names: Any = [_plain_axis(group[f"{name}_level{level}"], where) for level in levels]
    return pd.MultiIndex(
        levels=names,
        codes=[group[f"{name}_label{level}"][()] for level in levels],
    )


def _plain_axis(data: h5py.Dataset, where: str) -> pd.Index:
    if _holds_objects(data):
        raise DataError(
            f"{where}: the names in {data.name.rsplit('/', 1)[-1]} are Python objects, which are "
            "not read: they would run code; write the file again with names of one type"
        )
    return _index(data[()], _text(data.attrs.get("kind", b"")), _zone(data), where)


def _index(values: np.ndarray, kind: str, zone: str | None, where: str) -> pd.Index:
    """An axis by what pandas calls its kind."""
    if kind.startswith("datetime64"):
        # pandas before version 3 counted nanoseconds and said "datetime64".
        unit = kind if "[" in kind else "datetime64[ns]"
        index = pd.DatetimeIndex(values.astype(np.int64).view(unit))
        if zone is None:
            return index
        try:
            return index.tz_localize("UTC").tz_convert(zone)
        except (KeyError, ValueError) as error:
            raise DataError(f"{where}: unknown time zone {zone!r}") from error
    if kind == "date":
        return pd.DatetimeIndex([pd.Timestamp.fromordinal(int(day)) for day in values])
    if kind in ("datetime", "object"):
        raise DataError(f"{where}: an index of kind {kind!r} is not read; write it as datetime64")
    names: pd.Index = pd.Index(_decoded(values).tolist())
    return names


def _typed(block: np.ndarray, data: h5py.Dataset, where: str) -> np.ndarray:
    kind = _text(data.attrs.get("value_type", b""))
    if not kind.startswith(("datetime64", "timedelta64")):
        return _decoded(block)
    unit = kind if "[" in kind else f"{kind}[ns]"
    return block.astype(np.int64).view(unit)


def _decoded(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "S":
        return values
    return np.char.decode(values, "utf-8", "replace").astype(object)


def _zone(*items: h5py.Group | h5py.Dataset) -> str | None:
    for item in items:
        zone = _text(item.attrs.get("tz", b""))
        if zone and zone != "N.":
            return zone
    return None


def _holds_objects(data: h5py.Dataset) -> bool:
    return bool(data.dtype.hasobject) or "PSEUDOATOM" in data.attrs


def _text(value: Any) -> str:
    if isinstance(value, bytes | np.bytes_):
        return bytes(value).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _shown(name: Any) -> str:
    return repr(name if isinstance(name, tuple) else str(name))
