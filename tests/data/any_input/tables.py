"""Truths as tables of every layout, in every format of tables."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import feather

from stemdist_ray.data.readers.structure import LOCATION_NAMES
from tests.data.any_input.times import written
from tests.data.any_input.truth import Case, Truth, truths

Write = Callable[[Path], Case]
TIME_COLUMNS = ("time", "timestamp", "ds", "date", "Datetime", "when", "TIME")
PLACE_COLUMNS = ("location", "station_id", "sensor", "unique_id", "id", "where", "Messstelle")
NULLS = ("", "", "NA", "NaN", "nan", "null", "N/A", "-999")


@st.composite
def layouts(draw: Any, text: bool) -> tuple[pd.DataFrame, Truth, dict[str, Any], str]:
    """A table of a true series: wide or long, with the settings that it needs or might have."""
    truth = draw(truths())
    if draw(st.booleans()):
        return _wide(draw, truth.one_feature(), text)
    return _long(draw, truth, text)


def _time_columns(
    draw: Any, times: np.ndarray, text: bool
) -> tuple[dict[str, list[Any]], dict[str, Any], str]:
    name = draw(st.sampled_from(TIME_COLUMNS))
    if not text and draw(st.booleans()):
        unit = draw(st.sampled_from(("s", "ms", "us", "ns")))
        return {name: list(pd.DatetimeIndex(times).as_unit(unit))}, {}, name
    columns, settings = draw(written(times, name))
    if settings and draw(st.booleans()) and name in columns:
        settings = {**settings, "time_column": name}
    return columns, settings, name


def _wide(draw: Any, truth: Truth, text: bool) -> tuple[pd.DataFrame, Truth, dict[str, Any], str]:
    columns, settings, _ = _time_columns(draw, truth.times, text)
    readings = pd.DataFrame(truth.values[:, :, 0].astype(np.float64), columns=list(truth.ids))
    table, taken = readings, draw(st.sampled_from((0, 0, 0, 1, len(truth.ids))))
    for place, (column, entries) in enumerate(columns.items()):
        if column in table.columns:
            table = table.rename(columns={column: f"{column} 2"})
            ids = tuple(f"{i} 2" if i == column else i for i in truth.ids)
            truth = truth.but(ids=ids)
        table.insert(min(taken + place, table.shape[1]), column, _entries(entries))
    # Names decide where structure leaves a choice, such as a location called "station".
    if draw(st.integers(0, 3)) == 0 or {i.lower() for i in truth.ids} & {*LOCATION_NAMES}:
        settings = {**settings, "layout": "wide"}
    return table, truth, settings, "wide"


def _long(draw: Any, truth: Truth, text: bool) -> tuple[pd.DataFrame, Truth, dict[str, Any], str]:
    steps, places, kinds = truth.values.shape
    columns, settings, name = _time_columns(draw, truth.times, text)
    where = draw(st.sampled_from(PLACE_COLUMNS))
    made = {c: pd.Series(v).repeat(places).reset_index(drop=True) for c, v in columns.items()}
    made[where] = pd.Series(np.tile(np.array(truth.ids, object), steps), dtype=object)
    flat = truth.values.reshape(-1, kinds).astype(np.float64)
    made |= {f: pd.Series(flat[:, i]) for i, f in enumerate(truth.features)}
    table = pd.DataFrame(made)
    lost = np.isnan(flat).all(axis=1)
    if lost.any() and draw(st.booleans()):
        table = table[~lost].reset_index(drop=True)
    order = draw(st.sampled_from(("time", "place", "shuffled")))
    if order == "place":
        rank = {name: i for i, name in enumerate(truth.ids)}
        table = table.sort_values(where, key=lambda c: c.map(rank), kind="stable")
    elif order == "shuffled":
        table = table.sample(frac=1, random_state=draw(st.integers(0, 99)))
    table = table.reset_index(drop=True)
    if draw(st.integers(0, 3)) == 0:
        table = table[draw(st.permutations(list(table.columns)))]
    if draw(st.integers(0, 5)) == 0 and "row" not in table:
        table.insert(0, "row", range(len(table)))
    if draw(st.integers(0, 5)) == 0:
        codes = table[where].map({name: 10.5 + i for i, name in enumerate(truth.ids)})
        table["latitude"] = codes.astype(float)
        settings = {**settings, "features": truth.features}
    # Nothing but a name could tell a single location from a reading that never changes.
    if draw(st.booleans()) or len(truth.ids) == 1:
        settings = {**settings, "location_column": where}
        settings |= {"features": truth.features, "layout": "long"}
        settings |= {"time_column": name} if name in columns else {}
    return table, truth, settings, "long"


def _entries(entries: list[Any]) -> pd.Series:
    return pd.Series(entries, dtype=object if isinstance(entries[0], str) else None)


# Text ------------------------------------------------------------------------------------------


@st.composite
def text_tables(draw: Any) -> Write:
    """A text file: separators, quotes, encodings, compressions, comments, line ends, headers."""
    table, truth, settings, what = draw(layouts(text=True))
    separator = draw(st.sampled_from((",", ",", ";", "\t", "|")))
    comma = separator != "," and draw(st.integers(0, 3)) == 0
    thousands = draw(st.sampled_from((None, None, None, None, ".", ",", " ", "'")))
    if thousands == ("," if comma else ".") or thousands == separator:
        thousands = None
    null = draw(st.sampled_from(NULLS))
    settings = dict(settings)
    if separator == "|" or draw(st.booleans()):
        settings["separator"] = separator
    if comma:
        settings["decimal"] = ","
    if thousands:
        settings["thousands"] = thousands
    data = {"missing_values": (-999.0,)} if null == "-999" else {}
    readings = set(truth.ids) if what == "wide" else {*truth.features, "latitude"}
    cells = {
        c: [_cell(v, null, comma, thousands) if c in readings else _plain(v) for v in table[c]]
        for c in table.columns
    }
    shape = draw(st.sampled_from(("plain",) * 6 + ("no header", "row names", "trailing", "turned")))
    rows = [list(map(str, table.columns)), *map(list, zip(*cells.values(), strict=True))]
    if shape == "turned" and what == "wide" and len(set(table.columns) - set(truth.ids)) == 1:
        rows = [list(row) for row in zip(*rows, strict=True)]
        when = next(i for i, row in enumerate(rows) if row[0] not in truth.ids)
        rows = [rows[when], *rows[:when], *rows[when + 1 :]]
        settings = {k: v for k, v in settings.items() if k not in ("time_column", "layout")}
        settings["transpose"] = True
    elif shape == "no header" and "year" not in map(str.lower, rows[0]):
        # Nothing but their names could tell columns of years, months and days.
        rows, truth, settings = _without_header(draw, rows, truth, settings, what)
    elif shape == "row names":
        rows = [rows[0], *([str(i), *row] for i, row in enumerate(rows[1:], 1))]
    elif shape == "trailing":
        rows = [[*row, ""] for row in rows]
    content = _rows_as_text(draw, rows, separator)
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16")))
    try:
        coded = content.encode(encoding)
    except UnicodeEncodeError:
        encoding, coded = "utf-8", content.encode()
    if encoding in ("latin-1", "cp1252", "utf-16") and (
        encoding == "utf-16" or draw(st.booleans())
    ):
        settings["encoding"] = encoding
    ending = draw(st.sampled_from((".csv", ".txt", ".tsv", ".CSV")))
    packed = draw(st.sampled_from(("", "", "", "", ".gz", ".bz2", ".xz", ".zip", ".zst")))

    def write(folder: Path) -> Case:
        path = folder / f"x{ending}{packed}"
        path.write_bytes(_packed(coded, packed))
        return Case(path, truth, settings, data, f"{what}, {shape}, {packed}")

    return write


def _cell(value: float, null: str, comma: bool, thousands: str | None) -> str:
    if np.isnan(value):
        return null
    shown = f"{value:.9g}" if thousands is None else f"{value:.6f}".rstrip("0").rstrip(".")
    if thousands is not None and "e" not in shown:
        sign, digits = ("-", shown[1:]) if shown.startswith("-") else ("", shown)
        whole, point, rest = digits.partition(".")
        shown = f"{sign}{int(whole):,}".replace(",", "\0") + point + rest
    if comma:
        shown = shown.replace(".", ",")
    return shown.replace("\0", thousands or "")


def _plain(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _without_header(
    draw: Any, rows: list[Any], truth: Truth, settings: dict[str, Any], what: str
) -> tuple[list[Any], Truth, dict[str, Any]]:
    """Columns are called 0, 1, ...; with the setting or (to be refused) without."""
    at = {name: str(i) for i, name in enumerate(rows[0])}
    settings = dict(settings)
    for key in ("time_column", "location_column"):
        if key in settings:
            settings[key] = at[settings[key]]
    if "features" in settings:
        settings["features"] = tuple(at[f] for f in settings["features"])
    parts = [c for c in at if str(c).lower() in ("year", "date")]
    if not parts or draw(st.integers(0, 2)):
        settings["header"] = False
    if what == "wide":
        truth = truth.but(ids=tuple(at[i] for i in truth.ids))
    else:
        truth = truth.but(features=tuple(at[f] for f in truth.features))
    return rows[1:], truth, settings


def _rows_as_text(draw: Any, rows: list[Any], separator: str) -> str:
    end = draw(st.sampled_from(("\n", "\n", "\r\n", "\r")))
    quotes = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quoting=quotes, lineterminator=end).writerows(rows)
    content = out.getvalue()
    if draw(st.integers(0, 5)) == 0:
        content = f"# made by hand{end}# readings, of; many{end}{content}"
    if draw(st.integers(0, 5)) == 0:
        content = content.removesuffix(end)
    elif draw(st.integers(0, 5)) == 0:
        content += end
    return content


def _packed(content: bytes, ending: str) -> bytes:
    if ending == ".gz":
        return gzip.compress(content)
    if ending == ".bz2":
        return bz2.compress(content)
    if ending == ".xz":
        return lzma.compress(content)
    if ending == ".zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("x.csv", content)
        return out.getvalue()
    if ending == ".zst":
        from backports import zstd

        return zstd.compress(content)
    return content


# Binary ----------------------------------------------------------------------------------------


@st.composite
def binary_tables(draw: Any) -> Write:
    """Parquet, Arrow, Feather and pandas' HDF5, with an index or without."""
    table, truth, settings, what = draw(layouts(text=False))
    kind = draw(st.sampled_from(("parquet", "pq", "arrow", "feather", "ipc", "fixed", "table")))
    table, settings = _typed(draw, table, truth, what), dict(settings)
    if what == "wide" and draw(st.integers(0, 3)) == 0:
        wide = draw(truths(hard_ids=False)) if kind in ("parquet", "fixed") else None
        if wide is not None:
            pairs = pd.MultiIndex.from_product([wide.ids, wide.features])
            flat = wide.values.reshape(len(wide.times), -1)
            table = pd.DataFrame(flat, index=pd.DatetimeIndex(wide.times), columns=pairs)
            truth, settings, what = wide, {}, "two levels"
    when = (
        next((c for c in table.columns if table[c].dtype.kind == "M"), None)
        if what != ("two levels")
        else None
    )
    if when is not None and (kind in ("fixed", "table") or draw(st.booleans())):
        places = [c for c in table.columns if c in PLACE_COLUMNS]
        both = what == "long" and bool(places) and kind != "fixed" and draw(st.booleans())
        table = table.set_index([when, places[0]] if both else when)
        if draw(st.integers(0, 3)) == 0 and not ({"time_column", "location_column"} & {*settings}):
            table.index.names = [None] * table.index.nlevels

    def write(folder: Path) -> Case:
        return Case(_written(table, folder, kind), truth, settings, {}, f"{kind}, {what}")

    return write


def _typed(draw: Any, table: pd.DataFrame, truth: Truth, what: str) -> pd.DataFrame:
    """Readings as numbers of other kinds, where they hold them; text as pandas' own kinds."""
    table = table.copy()
    readings = truth.ids if what == "wide" else truth.features
    kind = draw(st.sampled_from(("float64", "float32", "int64", "Int64", "Float64", "float16")))
    for name in readings:
        column = table[name]
        whole = bool((column == column.round()).all())
        if kind.lower() == "int64" and not (whole or (kind == "Int64" and _whole(column))):
            continue
        with np.errstate(over="ignore"):
            other = column.astype(kind)
        if bool((column.isna() | (other == column)).all()):
            table[name] = other
    for name in table.columns:
        if table[name].dtype == object and draw(st.booleans()):
            table[name] = table[name].astype(draw(st.sampled_from(("str", "category"))))
    return table


def _whole(column: pd.Series) -> bool:
    return bool((column.isna() | (column == column.round())).all())


def _written(table: pd.DataFrame, folder: Path, kind: str) -> Path:
    if kind in ("fixed", "table"):
        path = folder / "x.h5"
        text = table.select_dtypes(exclude=["number", "datetime"]).columns
        plain = table.astype(dict.fromkeys(text, object)) if table.columns.nlevels == 1 else table
        plain = plain.astype({c: "f8" for c in plain.columns if str(plain[c].dtype) in _OWN})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain.to_hdf(path, key="df", mode="w", format=kind)
        return path
    path = folder / f"x.{kind}"
    if kind in ("parquet", "pq"):
        table.to_parquet(path)
        return path
    stored = pa.Table.from_pandas(table)
    if kind == "feather":
        feather.write_feather(stored, str(path))
        return path
    make = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as file, make(file, stored.schema) as out:
        out.write_table(stored, max_chunksize=97)
    return path


_OWN = ("Int64", "Float64", "float16")
