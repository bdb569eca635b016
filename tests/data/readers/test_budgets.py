"""Every reader asks whether there is enough memory before it takes any.

A new reader has to be named here, with a good file of its format.
"""

import json
import zipfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr
import zarr

from stemdist_ray.config import DataConfig
from stemdist_ray.data.readers import READERS
from stemdist_ray.data.source import read_series
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DataError
from stemdist_ray.system.memory import PeakMemory


def by_writing(ending):
    def write(folder, traffic):
        return write_series(traffic, folder / f"x{ending}")

    return write


def basicts(folder, traffic):
    traffic.values.astype("<f4").tofile(folder / "data.dat")
    about = {"shape": list(traffic.values.shape), "feature_description": ["speed"]}
    (folder / "desc.json").write_text(json.dumps(about))
    return folder


def libcity(folder, traffic):
    rows = ["dyna_id,type,time,entity_id,speed"]
    for step in range(50):
        rows += [f"{step},state,2024-01-01T{step // 6:02}:{step % 6}0:00Z,{i},3" for i in "ab"]
    (folder / "x.dyna").write_text("\n".join(rows))
    return folder / "x.dyna"


def libcity_folder(folder, traffic):
    return libcity(folder, traffic).parent


def hugging_face(folder, traffic):
    table = pa.table({"start": ["2024-01-01"] * 2, "target": [[1.0] * 300] * 2})
    path = str(folder / "data.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def windows(folder, traffic):
    values = np.nan_to_num(traffic.values)
    spans = {"train": (0, 200), "val": (200, 300), "test": (300, 370)}
    for part, (first, last) in spans.items():
        x = np.stack([values[i : i + 12] for i in range(first, last)])
        y = np.stack([values[i + 12 : i + 24] for i in range(first, last)])
        np.savez(folder / f"{part}.npz", x=x, y=y)
    return folder


GOOD = {
    "arrow": by_writing(".arrow"),
    "basicts": basicts,
    "canonical": by_writing(""),
    "csv": by_writing(".csv"),
    "hdf5": by_writing(".h5"),
    "hugging_face": hugging_face,
    "libcity": libcity,
    "libcity_folder": libcity_folder,
    "netcdf": by_writing(".nc"),
    "npz": by_writing(".npz"),
    "parquet": by_writing(".parquet"),
    "windows": windows,
    "zarr": by_writing(".zarr"),
}


def test_every_reader_is_tried():
    assert set(GOOD) == set(READERS)


@pytest.mark.parametrize("name", list(GOOD))
def test_more_than_the_budget(tmp_path, traffic, name):
    path = GOOD[name](tmp_path, traffic)
    assert read_series(path, DataConfig(memory_budget=2**30)).num_steps > 2
    with pytest.raises(DataError, match=r"would need .* expected at most 1.0 KiB, data\.memory_b"):
        read_series(path, DataConfig(memory_budget=1024))


def bomb_npz(path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**5)}
    with zipfile.ZipFile(path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        file = archive.open("data.npy", "w")
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(2**20))
        file.close()
    return path / "x.npz"


def bomb_npy(path):
    with (path / "x.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)}
        np.lib.format.write_array_header_1_0(file, header)
    return path / "x.npy"


def bomb_pandas_hdf(path):
    pd.DataFrame(np.zeros((3, 2))).to_hdf(path / "x.h5", key="df", format="fixed")
    with h5py.File(path / "x.h5", "r+") as file:
        attributes = dict(file["df/block0_values"].attrs)
        del file["df/block0_values"]
        data = file.create_dataset("df/block0_values", (10**7, 10**6), "f8", chunks=(100, 100))
        data.attrs.update(attributes)
    return path / "x.h5"


def bomb_netcdf(path):
    with h5py.File(path / "x.nc", "w") as file:
        for name, size in (("time", 10**7), ("cell", 10**6)):
            file.create_dataset(name, (size,), "f4", chunks=(1000,)).make_scale(name)
        data = file.create_dataset("t2m", (10**7, 10**6), "f4", chunks=(100, 100))
        data.dims[0].attach_scale(file["time"])
        data.dims[1].attach_scale(file["cell"])
    return path / "x.nc"


def bomb_zarr(path):
    group = zarr.open_group(path / "x.zarr", mode="w", zarr_format=2)
    data = group.create_array("t2m", shape=(10**7, 10**6), chunks=(100, 100), dtype="f4")
    data.attrs["_ARRAY_DIMENSIONS"] = ["time", "cell"]
    return path / "x.zarr"


def bomb_parquet(path):
    """Twenty million times the same text, in some kilobytes."""
    rows = pa.array(["the same"]).take(pa.array(np.zeros(2 * 10**7, np.int32)))
    pa.parquet.write_table(pa.table({f"c{i}": rows for i in range(20)}), path / "x.parquet")
    return path / "x.parquet"


def long_without_overlap(path):
    """Forty thousand locations, each at a time of its own."""
    seconds = pd.to_timedelta(np.arange(40_000), unit="s")
    table = pd.DataFrame({"time": pd.Timestamp("2024-01-01") + seconds, "id": range(40_000)})
    table.assign(v=1.0).to_parquet(path / "x.parquet")
    return path / "x.parquet"


BOMBS = [
    bomb_npz,
    bomb_npy,
    bomb_pandas_hdf,
    bomb_netcdf,
    bomb_zarr,
    pytest.param(bomb_parquet, marks=pytest.mark.slow),
    long_without_overlap,
]


@pytest.mark.parametrize("write", BOMBS)
def test_declared_sizes_are_not_allocated(tmp_path, write):
    path = write(tmp_path)
    with PeakMemory() as before:
        pass
    with PeakMemory() as memory, pytest.raises(DataError, match=path.name):
        read_series(path, DataConfig(memory_budget=2**31, read=settings(write)))
    assert memory.peak_mib - before.peak_mib < 300


def settings(write):
    named = {"layout": "long", "location_column": "id", "time_column": "time"}
    return named if write is long_without_overlap else {}


@pytest.mark.parametrize("source", ["sim:traffic?locations=1000000,steps=10000000"])
def test_simulations_too(source):
    with pytest.raises(DataError, match=r"10,000,000 steps x 1,000,000 locations would need"):
        read_series(source)


def test_a_grid_is_not_filled_beyond_the_budget(tmp_path):
    times = [*pd.date_range("2024-01-01", periods=40, freq="min"), pd.Timestamp("2024-01-01T10")]
    frame = pd.DataFrame(np.ones((41, 30)), index=times).rename_axis("time")
    frame.to_csv(tmp_path / "x.csv")
    with pytest.raises(DataError, match="601 steps x 30 locations x 1 features would need"):
        read_series(tmp_path / "x.csv", DataConfig(memory_budget=100_000))


def test_selected_entries_count(tmp_path):
    values = np.zeros((24, 50, 40), np.float32)
    coords = {"time": pd.date_range("2024-01-01", periods=24, freq="h"), "level": range(50)}
    xr.DataArray(values, coords, ("time", "level", "x"), "t").to_netcdf(tmp_path / "x.nc")
    budget = {"memory_budget": 50_000}
    assert read_series(tmp_path / "x.nc", DataConfig(**budget, read={"select": {"level": 3}}))
    with pytest.raises(DataError, match=r"24 x 50 x 40 would need"):
        read_series(tmp_path / "x.nc", DataConfig(**budget))
