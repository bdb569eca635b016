"""Write a series in the formats that the readers understand; the file ending decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from stemdist_ray.data.readers.canonical import DESCRIPTION, VERSION
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need
from stemdist_ray.system.files import quoted_cell, replacing_file, replacing_folder, write_json

if TYPE_CHECKING:
    import xarray as xr


def write_series(series: SpatioTemporalSeries, path: str | Path) -> Path:
    """Write a series; an ending chooses the format, no ending our canonical folder.

    Missing readings become NaN or empty cells. CSV and wide tables hold one feature;
    Parquet and Arrow turn to the long form where there are several.

    Raises:
        DataError: The path exists, its ending is unknown, or the format cannot hold the series.
        DependencyError: The format needs the extra ``formats``.
    """
    path = Path(path)
    if path.exists():
        raise DataError(f"{path} exists already; choose another DEST or remove it first")
    suffix = path.suffix.lower()
    if suffix == "":
        _write_canonical(series, path)
    elif suffix == ".zarr":
        with replacing_folder(path) as aside:
            _to_xarray(series).to_zarr(aside, mode="w", zarr_format=2)
    elif suffix in _FILES:
        with replacing_file(path) as aside:
            _FILES[suffix](series, aside)
    else:
        known = " ".join(sorted([*_FILES, ".zarr"]))
        raise DataError(
            f"{path}: cannot write {suffix!r}; known endings: {known}, or none for a folder"
        )
    return path


def _wide(series: SpatioTemporalSeries) -> pd.DataFrame:
    if series.num_features != 1:
        raise DataError(
            f"{series.name} has {series.num_features} features, a wide table holds one; choose "
            ".parquet, .arrow, .npz, .nc, .zarr or a folder"
        )
    table = pd.DataFrame(series.values[:, :, 0], columns=list(series.location_ids))
    if series.times is not None:
        table.insert(0, "time", series.times)
    return table


def _long(series: SpatioTemporalSeries) -> pd.DataFrame:
    steps, locations, features = series.values.shape
    times = np.arange(steps) if series.times is None else series.times
    columns: dict[str, Any] = {
        "time": np.repeat(times, locations),
        "location": np.tile(np.array(series.location_ids, dtype=object), steps),
    }
    flat = series.values.reshape(-1, features)
    columns |= {name: flat[:, i] for i, name in enumerate(series.feature_names)}
    return pd.DataFrame(columns)


def _table(series: SpatioTemporalSeries) -> pa.Table:
    frame = _wide(series) if series.num_features == 1 else _long(series)
    return pa.Table.from_pandas(frame, preserve_index=False)


def _write_csv(series: SpatioTemporalSeries, path: Path) -> None:
    table = _wide(series)
    table.columns = [quoted_cell(name) for name in table.columns]
    table.to_csv(path, index=False)


def _write_parquet(series: SpatioTemporalSeries, path: Path) -> None:
    pq.write_table(_table(series), path, compression="zstd")


def _write_arrow(series: SpatioTemporalSeries, path: Path) -> None:
    feather.write_feather(_table(series), str(path), compression="uncompressed")


def _write_npz(series: SpatioTemporalSeries, path: Path) -> None:
    arrays: dict[str, Any] = {
        "data": series.values,
        "location_ids": np.array(series.location_ids, dtype=np.str_),
        "feature_names": np.array(series.feature_names, dtype=np.str_),
        "units": np.array(series.units, dtype=np.str_),
    }
    if series.times is not None:
        arrays["times"] = series.times
    if series.coordinates is not None:
        arrays["coordinates"] = series.coordinates
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _write_hdf5(series: SpatioTemporalSeries, path: Path) -> None:
    need("writing HDF5", "formats", "tables")
    table = _wide(series)
    if series.times is not None:
        table = table.set_index("time")
    table.to_hdf(path, key="df", mode="w")


def _to_xarray(series: SpatioTemporalSeries) -> xr.Dataset:
    need("writing NetCDF or Zarr", "formats", "xarray", "h5netcdf", "zarr")
    import xarray as xr

    from stemdist_ray.data.readers.gridded import ORDER

    dimensions = ("time", "location")
    coords: dict[str, Any] = {"location": ("location", list(series.location_ids))}
    if series.times is not None:
        coords["time"] = ("time", series.times)
    if series.coordinates is not None:
        coords["latitude"] = ("location", series.coordinates[:, 0])
        coords["longitude"] = ("location", series.coordinates[:, 1])
    variables = {}
    for i, (name, unit) in enumerate(zip(series.feature_names, series.units, strict=True)):
        variables[name] = (dimensions, series.values[:, :, i], {"units": unit} if unit else {})
    # Zarr forgets the order of variables.
    return xr.Dataset(variables, coords=coords, attrs={ORDER: list(series.feature_names)})


def _write_netcdf(series: SpatioTemporalSeries, path: Path) -> None:
    _to_xarray(series).to_netcdf(path, engine="h5netcdf")


def _write_canonical(series: SpatioTemporalSeries, path: Path) -> None:
    steps, locations, features = series.values.shape
    columns: dict[str, Any] = {"value": pa.FixedShapeTensorArray.from_numpy_ndarray(series.values)}
    if series.mask is not None:
        flags = np.ascontiguousarray(series.mask).view(np.uint8)
        columns["observed"] = pa.FixedShapeTensorArray.from_numpy_ndarray(flags)
    if series.times is not None:
        columns["time"] = pa.array(series.times)
    places: dict[str, Any] = {"id": pa.array(series.location_ids, pa.string())}
    if series.coordinates is not None:
        places |= {f"coordinate_{i}": series.coordinates[:, i] for i in (0, 1)}
    with replacing_folder(path) as aside:
        for name, content in (("values", columns), ("locations", places)):
            table = pa.table(content)
            with (
                pa.OSFile(str(aside / f"{name}.arrow"), "wb") as file,
                pa.ipc.new_file(file, table.schema) as writer,
            ):
                writer.write_table(table)
        meta = {
            "version": VERSION,
            "name": series.name,
            "shape": [steps, locations, features],
            "feature_names": list(series.feature_names),
            "units": list(series.units),
        }
        write_json(aside / DESCRIPTION, meta)


_FILES: dict[str, Callable[[SpatioTemporalSeries, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".pq": _write_parquet,
    ".arrow": _write_arrow,
    ".feather": _write_arrow,
    ".npz": _write_npz,
    ".h5": _write_hdf5,
    ".hdf5": _write_hdf5,
    ".nc": _write_netcdf,
}
