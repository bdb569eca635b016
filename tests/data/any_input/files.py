"""Truths as arrays, grids, folders and several files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.writers import write_series
from tests.data.any_input.truth import Case, Truth, full_times, truths

Write = Callable[[Path], Case]
_FREQ = {"MS": "MS", "1D": "D", "7D": "7D"}


def whole(truth: Truth) -> Truth:
    """No row left out: what formats hold that only say when they begin."""
    return truth.but(times=full_times(truth.times[0], len(truth.times), truth.step))


@st.composite
def arrays(draw: Any) -> Write:
    """npz and npy of many types, with names and times or without."""
    truth = draw(truths())
    values = _as_other_type(draw, truth.values)
    named = draw(st.booleans())
    stamped = draw(st.sampled_from(("none", "ns", "s", "D", "text", "epoch", "epoch ms")))
    if stamped == "D" and truth.step not in ("1D", "7D", "MS"):
        stamped = "ns"
    plain = draw(st.booleans())
    order = draw(st.sampled_from("CF"))
    packed = draw(st.booleans())
    masked = draw(st.booleans())
    bare = truth.but(ids=tuple(map(str, range(len(truth.ids)))), named=False, kept_times=False)

    def write(folder: Path) -> Case:
        readings = values[:, :, 0] if values.shape[2] == 1 and order == "F" else values
        readings = np.asarray(readings, order=order)
        if plain:
            np.save(folder / "x.npy", readings)
            begin, step = truth.times[0], _FREQ.get(truth.step, truth.step)
            if stamped == "none":
                return Case(folder / "x.npy", bare, what="npy")
            data = {"start": str(begin), "sampling_step": step}
            with_times = bare.but(times=whole(truth).times, kept_times=True)
            return Case(folder / "x.npy", with_times, {}, data, "npy")
        given: dict[str, Any] = {"data": readings}
        right = bare
        if named:
            given |= {"location_ids": np.array(truth.ids), "feature_names": list(truth.features)}
            right = right.but(ids=truth.ids, named=True)
        if stamped != "none":
            given["times"] = _stamps(truth.times, stamped)
            right = right.but(times=truth.times, kept_times=True)
        if masked and values.dtype.kind == "f":
            given["mask"] = ~np.isnan(values)
            given["data"] = np.nan_to_num(values, nan=7)
        (np.savez_compressed if packed else np.savez)(folder / "x.npz", **given)
        return Case(folder / "x.npz", right, what=f"npz, {stamped}")

    return write


def _stamps(times: np.ndarray, kind: str) -> np.ndarray:
    if kind == "text":
        return np.array([str(t) for t in pd.DatetimeIndex(times)])
    if kind.startswith("epoch"):
        return times.astype(f"datetime64[{'ms' if kind.endswith('ms') else 's'}]").astype(np.int64)
    return times.astype(f"datetime64[{kind}]")


def _as_other_type(draw: Any, values: np.ndarray) -> np.ndarray:
    kind = draw(
        st.sampled_from(("<f4", "<f8", ">f4", ">f8", "<f2", "<i4", ">i2", "u1", "i8", "c8"))
    )
    if np.dtype(kind).kind in "iu" and np.isnan(values).any():
        return values
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = values.astype(kind)
        same = np.array_equal(other.astype(np.complex64), values.astype(np.complex64), True)
    if kind == "c8":
        other = other + np.complex64(1j)  # which no reading may lose in silence
    return other if same else values


@st.composite
def grids(draw: Any) -> Write:
    """NetCDF 3 and 4, Zarr 2 and 3: packed, in other orders, of other calendars."""
    truth = draw(truths())
    kind = draw(st.sampled_from(("nc4", "nc3", "zarr2", "zarr3", "nc4")))
    where = draw(st.sampled_from(("station", "station", "grid", "numbers")))
    count = len(truth.ids)
    order = draw(st.permutations(("time", "place")))
    units = draw(st.sampled_from(("seconds", "minutes", "hours", "days")))
    calendar = draw(st.sampled_from(("standard", "proleptic_gregorian", "standard", "noleap")))
    packed = draw(st.booleans()) and not np.isnan(truth.values).all()
    name = draw(st.sampled_from(("time", "valid_time", "Time", "t")))
    fill = draw(st.sampled_from((None, -999.0, 1e20)))
    if where == "grid":
        ids = tuple(f"{50 + i:d},{10:d}" for i in range(count))
        truth = truth.but(ids=ids)
    elif where == "numbers":
        truth = truth.but(ids=tuple(map(str, range(count))))

    def write(folder: Path) -> Case:
        import xarray as xr

        dims = {"time": (name,), "place": ("lat", "lon") if where == "grid" else ("station",)}
        shown = tuple(d for o in order for d in dims[o])
        coords: dict[str, Any] = {name: (name, truth.times)}
        if where == "grid":
            coords |= {"lat": 50.0 + np.arange(count), "lon": np.array([10.0])}
        elif where == "station":
            coords["station"] = ("station", np.array(truth.ids, dtype=object))
        shape, encoding, off, variables = (len(truth.times), count), {}, 0.0, {}
        for i, feature in enumerate(truth.features):
            base = truth.values[:, :, i].reshape(*shape, *((1,) if where == "grid" else ()))
            whole_dims = (*dims["time"], *dims["place"])
            one = xr.DataArray(base, dims=whole_dims).transpose(*shown)
            variables[feature] = (shown, one.to_numpy())
            if packed:
                low, high = float(np.nanmin(base)), float(np.nanmax(base))
                scale = max((high - low) / 30_000, 1e-9)
                encoding[feature] = {
                    "dtype": "i2", "scale_factor": scale, "add_offset": low, "_FillValue": -32_768,
                }  # fmt: skip
                off = max(off, scale + 1e-6 * abs(low))
            elif fill is not None:
                encoding[feature] = {"_FillValue": np.float32(fill)}
        encoding[name] = {"units": f"{units} since 1970-01-01", "calendar": "standard"}
        if kind == "nc3":
            encoding[name]["dtype"] = "f8"  # its whole numbers end in 2038
        if calendar == "proleptic_gregorian":
            encoding[name]["calendar"] = calendar
        right = truth.but(off=off)
        data_set = xr.Dataset(variables, coords=coords)
        if calendar == "noleap" and truth.step != "MS":
            # Dates of its own: what comes out has their order and distances.
            data_set = data_set.assign_coords({name: _noleap(truth.times)})
            encoding.pop(name)
            right = right.but(kept_times=False) if truth.whole else right
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Case(_stored(data_set, folder, kind, encoding), right, what=f"{kind}, {where}")

    return write


def _noleap(times: np.ndarray) -> Any:
    import xarray as xr

    stamps = pd.DatetimeIndex(times)
    if ((stamps.month == 2) & (stamps.day == 29)).any() or stamps[0].year != stamps[-1].year:
        return times
    made = xr.CFTimeIndex(
        [__import__("cftime").DatetimeNoLeap(*t.timetuple()[:6]) for t in stamps.to_pydatetime()]
    )
    return made


def _stored(data_set: Any, folder: Path, kind: str, encoding: dict[str, Any]) -> Path:
    if kind.startswith("zarr"):
        path = folder / "x.zarr"
        data_set.to_zarr(path, zarr_format=int(kind[-1]), encoding=encoding, consolidated=False)
        return path
    path = folder / "x.nc"
    engine, form = ("scipy", "NETCDF3_64BIT") if kind == "nc3" else ("h5netcdf", "NETCDF4")
    data_set.to_netcdf(path, engine=engine, format=form, encoding=encoding)
    return path


@st.composite
def folders(draw: Any) -> Write:
    """The canonical folder, BasicTS, LibCity, a row per series, and what convert writes."""
    truth = draw(truths())
    kind = draw(st.sampled_from(("canonical", "basicts", "libcity", "rows", "convert")))
    if kind in ("basicts", "rows"):
        truth = whole(truth)
    ending = draw(st.sampled_from((".csv", ".parquet", ".arrow", ".npz", ".nc", ".zarr", ".h5")))
    say = draw(st.booleans())

    def write(folder: Path) -> Case:
        if kind in ("canonical", "convert"):
            own = truth if ending not in (".csv", ".h5") else truth.one_feature()
            own = own if kind == "convert" else truth
            series = SpatioTemporalSeries(
                own.values, times=own.times, location_ids=own.ids, feature_names=own.features
            )
            path = folder / ("folder" if kind == "canonical" else f"x{ending}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # Tables with one feature have no place for its name.
                named = kind == "canonical" or ending in (".npz", ".nc", ".zarr") or own.named
                named &= not (ending in (".parquet", ".arrow") and len(own.features) == 1)
                return Case(
                    write_series(series, path), own.but(named=named), what=f"{kind}{ending}"
                )
        return {"basicts": _basicts, "libcity": _libcity, "rows": _series_rows}[kind](
            folder, truth, say
        )

    return write


def _basicts(folder: Path, truth: Truth, say: bool) -> Case:
    truth.values.astype("<f4").tofile(folder / "data.dat")
    about: dict[str, Any] = {
        "shape": list(truth.values.shape), "feature_description": list(truth.features),
    }  # fmt: skip
    minutes = (truth.times[1] - truth.times[0]) / np.timedelta64(1, "m")
    data = {"start": str(truth.times[0])}
    if truth.step == "MS":
        data["sampling_step"] = "MS"
    else:
        about["frequency (minutes)"] = minutes
    (folder / "desc.json").write_text(json.dumps(about))
    right = truth.but(ids=tuple(map(str, range(len(truth.ids)))), kept_times=say)
    return Case(folder, right, {}, data if say else {}, "basicts")


def _libcity(folder: Path, truth: Truth, say: bool) -> Case:
    rows = [["dyna_id", "type", "time", "entity_id", *truth.features]]
    stamps = pd.DatetimeIndex(truth.times).strftime("%Y-%m-%dT%H:%M:%SZ")
    for place, name in enumerate(truth.ids):
        for step, time in enumerate(stamps):
            values = truth.values[step, place]
            cells = ["" if np.isnan(v) else f"{v:.9g}" for v in values]
            rows.append([str(len(rows) - 1), "state", time, name, *cells])
    pd.DataFrame(rows).to_csv(folder / "x.dyna", header=False, index=False)
    if say:
        geo = {"geo_id": list(truth.ids), "type": "Point"}
        spots = [f"[{i / 10}, 50.0]" for i in range(len(truth.ids))]
        pd.DataFrame({**geo, "coordinates": spots}).to_csv(folder / "x.geo", index=False)
    return Case(folder if say else folder / "x.dyna", truth, what="libcity")


def _series_rows(folder: Path, truth: Truth, say: bool) -> Case:
    values = truth.values.astype(np.float64).transpose(1, 2, 0)
    lists = [v[0].tolist() if len(v) == 1 else v.tolist() for v in values]
    freq = _FREQ.get(truth.step, truth.step)
    table = {
        "start": [pd.Timestamp(truth.times[0])] * len(lists), "target": lists,
        "item_id": list(truth.ids),
    }  # fmt: skip
    if say:
        table["freq"] = [freq] * len(lists)
    pd.DataFrame(table).to_parquet(folder / "x.parquet")
    data = {} if say else {"sampling_step": freq}
    return Case(folder / "x.parquet", truth.but(named=False), {}, data, "rows")


@st.composite
def several(draw: Any) -> Write:
    """A folder, a pattern, or folders that are called by what they hold."""
    truth = draw(truths())
    kind = draw(st.sampled_from(("months", "stations", "hive", "wide months", "grids")))
    ending = draw(st.sampled_from((".csv", ".parquet", ".arrow")))
    where = draw(st.sampled_from(("station", "place"))) if kind != "hive" else "station"
    cut = draw(st.integers(1, len(truth.times) - 1))
    pattern = draw(st.booleans())

    def write(folder: Path) -> Case:
        root, right = folder / "parts", truth
        root.mkdir()
        table = _long_table(truth).rename(columns={"station": where})
        if kind == "months":
            at = truth.times[cut]
            _save(table[table.time < at], root / f"part 2{ending}")
            _save(table[table.time >= at], root / f"part 10{ending}")
        elif kind in ("stations", "hive"):
            for place, (name, rows) in enumerate(table.groupby(where, sort=False)):
                if kind == "hive" and (not name.isidentifier() or "/" in name):
                    return Case(_save(table, root / f"x{ending}"), right, what="one file")
                home = root / f"station={name}" if kind == "hive" else root
                home.mkdir(exist_ok=True)
                rows = rows.drop(columns="station") if kind == "hive" else rows
                _save(rows, home / f"{place}{ending}")
        else:
            right = truth.one_feature()
            wide = pd.DataFrame(right.values[:, :, 0], columns=list(right.ids))
            if "time" in wide:
                return Case(_save(table, root / f"x{ending}"), truth, what="one file")
            wide.insert(0, "time", right.times)
            _save(wide[:cut], root / f"a{ending}")
            _save(wide[cut:], root / f"b{ending}")
        single = {i.lower() for i in truth.ids} & {"station", "id", "node", "location"}
        read = {"layout": "wide"} if kind in ("wide months", "grids") and single else {}
        if kind in ("stations", "months") and len(truth.ids) == 1:
            read = {"location_column": where}
        deep = f"**/*{ending}" if kind == "hive" else f"*{ending}"
        return Case(f"{root}/{deep}" if pattern else root, right, read, what=f"{kind}, {ending}")

    return write


def _long_table(truth: Truth) -> pd.DataFrame:
    steps, places, kinds = truth.values.shape
    flat = truth.values.reshape(-1, kinds)
    return pd.DataFrame(
        {"time": np.repeat(truth.times, places), "station": np.tile(truth.ids, steps)}
        | {f: flat[:, i] for i, f in enumerate(truth.features)}
    )


def _save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        stored = pa.Table.from_pandas(table, preserve_index=False)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, stored.schema) as out:
            out.write_table(stored)
    return path
