"""Good files of every format, and what may have happened to them on their way."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from stemdist_ray.data.series import SpatioTemporalSeries
from tests.data.any_input import files, tables
from tests.data.any_input.truth import Case, Truth, full_times

Write = Callable[[Path], Case]


@cache
def good() -> Truth:
    """Thirty hours of two features at five locations."""
    values = np.random.default_rng(3).normal(50, 9, (30, 5, 2)).round(2).astype(np.float32)
    times = full_times("2024-03-01", 30, "1h")
    return Truth(times, tuple(f"s{i}" for i in range(5)), ("flow", "speed"), values, "1h")


def _table(kind: str) -> Callable[[Path], Path]:
    wide = pd.DataFrame(good().values[:, :, 0], columns=list(good().ids))
    wide.index = pd.DatetimeIndex(good().times, name="time")
    return lambda folder: tables._written(wide, folder, kind)


def _text(ending: str) -> Callable[[Path], Path]:
    content = files._long_table(good()).to_csv(index=False).encode()

    def write(folder: Path) -> Path:
        path = folder / f"x.csv{ending}"
        path.write_bytes(tables._packed(content, ending))
        return path

    return write


def _converted(ending: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        one = good().one_feature() if ending == ".h5" else good()
        series = SpatioTemporalSeries(one.values, times=one.times, location_ids=one.ids)
        return files.write_series(series, folder / f"x{ending}")

    return write


def _npy(folder: Path) -> Path:
    np.save(folder / "x.npy", good().values)
    return folder / "x.npy"


def _plain_hdf(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "x.h5", "w") as file:
        file["speed"] = good().values
        file["time"] = np.array([str(t).encode() for t in good().times])
    return folder / "x.h5"


def _netcdf3(folder: Path) -> Path:
    import xarray as xr

    dims = ("time", "station")
    data = xr.Dataset({"flow": (dims, good().values[:, :, 0])}, coords={"time": good().times})
    data.to_netcdf(folder / "x.nc", engine="scipy", format="NETCDF3_64BIT")
    return folder / "x.nc"


def _zarr(version: int) -> Callable[[Path], Path]:
    import xarray as xr

    dims = ("time", "station")

    def write(folder: Path) -> Path:
        data = xr.Dataset({"flow": (dims, good().values[:, :, 0])}, coords={"time": good().times})
        return files._stored(data, folder, f"zarr{version}", {})

    return write


def _hugging_face(folder: Path) -> Path:
    import pyarrow as pa

    table = pa.table({"start": ["2024-01-01"] * 2, "target": [[1.0] * 30] * 2})
    root = folder / "saved"
    root.mkdir()
    path = str(root / "data.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table)
    (root / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (root / "dataset_info.json").write_text("{}")
    return root


GOOD: dict[str, Callable[[Path], Path]] = {
    **{f"csv{e}": _text(e) for e in ("", ".gz", ".bz2", ".xz", ".zip", ".zst")},
    **{kind: _table(kind) for kind in ("parquet", "arrow", "feather", "ipc", "fixed", "table")},
    **{e: _converted(e) for e in ("", ".npz", ".nc")},
    "npy": _npy,
    "plain hdf": _plain_hdf,
    "netcdf 3": _netcdf3,
    "zarr 2": _zarr(2),
    "zarr 3": _zarr(3),
    "basicts": lambda f: files._basicts(f, good(), True).path,
    "libcity": lambda f: files._libcity(f, good(), True).path,
    "rows": lambda f: files._series_rows(f, good(), True).path,
    "hugging face": _hugging_face,
}
_SIZES = (0, 1, 0x7F, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**64 - 1)
_ENDINGS = (
    *(
        ".csv",
        ".tsv",
        ".parquet",
        ".arrow",
        ".feather",
        ".h5",
        ".nc",
        ".npz",
        ".npy",
        ".gz",
        ".zip",
    ),
    *(".csv.gz", ".csv.zst", ".dyna", ".geo", ".bin", "", ".json", ".zarr", ".csv.xz", ".csv.bz2"),
)


def contents(kind: str, folder: Path) -> dict[str, bytes]:
    """What is in a good source, by relative path."""
    source = GOOD[kind](folder)
    found = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


@st.composite
def damaged(draw: Any) -> Write:
    """A source of which one file was cut, flipped, overwritten, emptied, or called otherwise."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    how = draw(st.sampled_from(("cut", "flip", "flip", "noise", "size", "size", "text", "other")))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.floats(0, 1))
    size = draw(st.sampled_from(_SIZES))
    width = draw(st.sampled_from(["<I", ">I", "<Q", ">Q"]))
    ending = draw(st.sampled_from(_ENDINGS))

    def write(folder: Path) -> Case:
        source = GOOD[kind](folder)
        inside = (
            [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
        )
        victim = inside[int(rng.integers(0, len(inside)))]
        content = bytearray(victim.read_bytes())
        at = min(int(share * len(content)), max(0, len(content) - 1))
        if how == "size" and rng.random() < 0.7:  # heads and ends say how large all is
            at = int(rng.integers(0, min(len(content), 400)))
            at = len(content) - at - 1 if rng.random() < 0.4 else at
        _harm(how, content, at, rng, struct.pack(width, size % 2 ** (8 * struct.calcsize(width))))
        victim.write_bytes(content)
        if how == "other" and source.is_file():
            source = source.rename(folder / f"y{ending}")
        return Case(source, good(), what=f"{kind}, {how}, damaged")

    return write


def _harm(how: str, content: bytearray, at: int, rng: np.random.Generator, size: bytes) -> None:
    if how == "cut":
        del content[at:]
    elif how == "flip" and content:
        for place in rng.integers(0, len(content), int(rng.integers(1, 9))):
            content[place] ^= 1 << int(rng.integers(0, 8))
    elif how == "noise":
        content[at : at + 64] = rng.bytes(int(rng.integers(0, 200)))
    elif how == "size":
        content[at : at + len(size)] = size
    elif how == "text":
        some = [b'"', b"\n", b",,,", b"\x00", b"999999999999999999999", b"nan", b"1e999", b"\xff"]
        content[at:at] = some[int(rng.integers(0, len(some)))]
