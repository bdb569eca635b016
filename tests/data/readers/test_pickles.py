"""No reader runs what a file says: a pickle planted in every format that could carry one.

A new reader has to be named here, with a file of its format that would do harm.
"""

import json
import os
import pickle
from contextlib import nullcontext

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr

from stemdist_ray.data.readers import READERS
from stemdist_ray.data.source import read_series
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DataError


class Payload:
    """Makes a folder as soon as anything unpickles it."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def objects(payload):
    array = np.empty((40, 2), object)
    array[:] = 1.0
    array[0, 0] = payload
    return array


def plant_arrow(path, payload, traffic):
    """An extension type that old releases of Arrow unpickled, and a column of bytes."""
    storage = pa.array([pickle.dumps(payload)] * 3)
    field = pa.field(
        "x",
        pa.binary(),
        metadata={
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(payload),
        },
    )
    table = pa.table(
        [storage, pa.array([1.0, 2, 3])], schema=pa.schema([field, ("a", pa.float64())])
    )
    with pa.OSFile(str(path / "x.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    return path / "x.arrow"


def plant_parquet(path, payload, traffic):
    plain = pd.DataFrame({"a": [1.0, 2, 3], "b": [pickle.dumps(payload)] * 3})
    table = pa.Table.from_pandas(plain)
    said = {**table.schema.metadata, b"pickle": pickle.dumps(payload)}
    pq.write_table(table.replace_schema_metadata(said), path / "x.parquet")
    return path / "x.parquet"


def plant_csv(path, payload, traffic):
    (path / "x.csv").write_bytes(b"a,b\n1,2\n3," + pickle.dumps(payload, 0) + b"\n")
    return path / "x.csv"


def plant_npz(path, payload, traffic):
    np.savez(path / "x.npz", data=objects(payload), allow_pickle=True)
    return path / "x.npz"


def plant_windows(path, payload, traffic):
    (path / "folder").mkdir()
    for split in ("train", "val", "test"):
        np.savez(path / "folder" / f"{split}.npz", x=objects(payload), y=objects(payload))
    return path / "folder"


def plant_hdf5(path, payload, traffic):
    table = pd.DataFrame({"a": [1.0, 2, 3]}, index=pd.date_range("2024-01-01", periods=3))
    table.to_hdf(path / "x.h5", key="df")
    with h5py.File(path / "x.h5", "r+") as file:
        for item in (file, file["df"], file["df/axis1"], file["df/block0_values"]):
            item.attrs["note"] = np.bytes_(pickle.dumps(payload, 0))
    return path / "x.h5"


def plant_netcdf(path, payload, traffic):
    data = xr.Dataset({"v": (("time", "s"), np.ones((3, 2)))})
    data.attrs["note"] = np.frombuffer(pickle.dumps(payload), np.uint8)
    data.to_netcdf(path / "x.nc", engine="h5netcdf")
    return path / "x.nc"


def plant_zarr(path, payload, traffic):
    """Version 2 knows a filter that unpickles chunks."""
    group = path / "x.zarr"
    (group / "v").mkdir(parents=True)
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    (group / "v" / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["time", "s"]}')
    about = {
        "zarr_format": 2, "shape": [3, 2], "chunks": [3, 2], "dtype": "|O", "order": "C",
        "fill_value": None, "compressor": None, "filters": [{"id": "pickle", "protocol": 5}],
    }  # fmt: skip
    (group / "v" / ".zarray").write_text(json.dumps(about))
    (group / "v" / "0.0").write_bytes(pickle.dumps(payload))
    return group


def plant_canonical(path, payload, traffic):
    folder = path / "canonical"
    write_series(traffic, folder)
    for file in folder.iterdir():
        if file.suffix not in (".json",):
            file.write_bytes(pickle.dumps(payload))
    return folder


def plant_basicts(path, payload, traffic):
    folder = path / "basicts"
    folder.mkdir()
    for split in ("train", "val", "test"):
        np.save(folder / f"{split}_data.npy", objects(payload), allow_pickle=True)
        np.save(folder / f"{split}_timestamps.npy", objects(payload), allow_pickle=True)
    (folder / "meta.json").write_bytes(b"{}")
    return folder


def plant_libcity(path, payload, traffic):
    name = path / "x.dyna"
    name.write_bytes(b"type,time,entity_id,v\nstate,2024-01-01T00:00:00Z,a,")
    with name.open("ab") as file:
        file.write(pickle.dumps(payload, 0))
    return name


def plant_libcity_folder(path, payload, traffic):
    folder = path / "libcity"
    folder.mkdir()
    rows = [f"state,2024-01-01T0{hour}:00:00Z,a,1\n" for hour in range(3)]
    (folder / "x.dyna").write_text("type,time,entity_id,v\n" + "".join(rows))
    (folder / "x.geo").write_bytes(b'geo_id,coordinates\na,"' + pickle.dumps(payload, 0) + b'"')
    return folder


def plant_hugging_face(path, payload, traffic):
    folder = path / "saved"
    folder.mkdir()
    table = pa.table({"start": ["2024-01-01"], "target": [[pickle.dumps(payload)]]})
    file = str(folder / "x.arrow")
    with pa.OSFile(file, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "x.arrow"}]}')
    (folder / "dataset_info.json").write_bytes(pickle.dumps(payload))
    return folder


PLANTED = {
    "arrow": plant_arrow,
    "basicts": plant_basicts,
    "canonical": plant_canonical,
    "csv": plant_csv,
    "hdf5": plant_hdf5,
    "hugging_face": plant_hugging_face,
    "libcity": plant_libcity,
    "libcity_folder": plant_libcity_folder,
    "netcdf": plant_netcdf,
    "npz": plant_npz,
    "parquet": plant_parquet,
    "windows": plant_windows,
    "zarr": plant_zarr,
}


def test_every_reader_is_tried():
    assert set(PLANTED) == set(READERS)


@pytest.mark.parametrize("name", list(PLANTED))
def test_planted_pickles_stay_bytes(tmp_path, traffic, name):
    path = PLANTED[name](tmp_path, Payload(tmp_path / "ran"), traffic)
    refused = name not in ("hdf5", "netcdf")  # those two are read, without what was planted
    with pytest.raises(DataError, match=path.name) if refused else nullcontext():
        read_series(path)
    assert not (tmp_path / "ran").exists()


def test_plain_arrays_of_hdf5(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.ones((3, 2, 1, 2))
        file["date"] = np.array([b"2013070101", b"2013070102", b"2013070103"])
        file["more"] = np.array([np.void(pickle.dumps(Payload(tmp_path / "ran")))])
        for item in (file, file["data"], file["date"]):
            item.attrs["note"] = np.bytes_(pickle.dumps(Payload(tmp_path / "ran"), 0))
    assert read_series(path).num_steps == 3
    assert not (tmp_path / "ran").exists()


def test_the_payload_would_show(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()
