"""Files that hold a graph between locations: adjacency or distances.

Nothing is ever unpickled, and no array is made before its declared shape has been checked.
Axis letters: N locations, E edges.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy
from scipy import sparse

from stemdist_ray.config import GraphKind
from stemdist_ray.data.graphs.entries import GraphEntries, graph_of_entries, told_by
from stemdist_ray.data.graphs.text import read_graph_csv
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.readers.base_class import UNREADABLE
from stemdist_ray.data.readers.text import COMPRESSED
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import free_memory

_TEXT = (".csv", ".tsv", ".txt")
_PICKLES = (".pkl", ".pickle", ".p")
_ARRAYS = ("adj", "adjacency", "adj_mx", "dist", "distance")
# What scipy.sparse.save_npz writes besides data, shape and format.
_PLACES = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "coo": ("row", "col"),
}
_BYTES_PER_ENTRY = 64  # places and numbers of an entry, in double, and copies of them
_DAMAGE = (*UNREADABLE, zipfile.BadZipFile, zlib.error)


def read_graph(
    path: str | Path,
    location_ids: Sequence[str],
    kind: GraphKind | None = None,
    setting: str = "graph_kind",
) -> LocationGraph:
    """Read a graph between the locations of a series.

    Formats: ``.npz`` (one square array, or what ``scipy.sparse.save_npz`` writes), ``.npy``,
    ``.csv`` (edges ``from,to[,cost]`` or a square matrix; may be compressed). Directed edges are
    kept as they are. Distances become weights by a Gaussian kernel.

    Args:
        path: The file.
        location_ids: N ids; a matrix has its rows in their order unless it names them.
        kind: What the numbers are; None = what their name tells, or weights where all of a
            matrix are from 0 to 1.
        setting: What the caller calls ``kind``, for messages.

    Raises:
        DataError: The file cannot be read, is for other locations, holds numbers that are no
            weights or distances, or leaves open which of them they are.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending in COMPRESSED:
        ending = path.with_suffix("").suffix.lower()
    if ending in _PICKLES:
        raise DataError(
            f"{path}: a pickle runs code when it is opened, so it is not; in a place where you "
            "trust it: python -c \"import pickle, numpy; numpy.savez('adj.npz', adj=pickle.load("
            f"open('{path.name}', 'rb'), encoding='latin1')[2])\" (without [2] where it holds the "
            "matrix alone), then give adj.npz"
        )
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; expected a graph as .npz, .npy or .csv")
    if path.suffix.lower() == ".npy":
        entries = _read_npy(path, len(location_ids))
    elif path.suffix.lower() == ".npz":
        entries = _read_npz(path, len(location_ids))
    elif ending in _TEXT:
        entries = read_graph_csv(path, location_ids)
    else:
        raise DataError(f"{path}: expected a graph as .npz, .npy or .csv; found {ending or 'none'}")
    return graph_of_entries(entries, path, kind, setting)


def _read_npy(path: Path, count: int) -> GraphEntries:
    try:
        with path.open("rb") as file:
            shape, dtype = _header(file)
            _check_square(shape, dtype, "the array", count, path)
            file.seek(0)
            return _full(np.load(file, allow_pickle=False), None, "the array", path)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _read_npz(path: Path, count: int) -> GraphEntries:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.namelist() if m.endswith(".npy")]
            headers = {}
            for member in members:
                with archive.open(member) as file:
                    headers[member.removesuffix(".npy")] = _header(file)
        if {"format", "shape", "data"} <= headers.keys():
            return _read_sparse(path, headers, count)
        name = _chosen(headers, path)
        _check_square(*headers[name], f"array {name!r}", count, path)
        with np.load(path, allow_pickle=False) as arrays:
            return _full(arrays[name], told_by(name), f"array {name!r}", path)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _full(matrix: npt.NDArray[Any], told: GraphKind | None, what: str, path: Path) -> GraphEntries:
    _check_memory(int(np.count_nonzero(matrix)) * _BYTES_PER_ENTRY, path)
    return GraphEntries.of_matrix(matrix, told, what)


_Header = tuple[tuple[int, ...], np.dtype[Any]]


def _header(file: IO[bytes]) -> _Header:
    """Declared shape and type of an array; none of its numbers are read."""
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"array of format version {version}")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def _chosen(headers: dict[str, _Header], path: Path) -> str:
    named = [name for name in headers if name.lower() in _ARRAYS]
    if len(named) == 1:
        return named[0]
    if len(headers) == 1:
        return next(iter(headers))
    raise DataError(
        f"{path}: expected one square array, called {', '.join(_ARRAYS)} where there are others; "
        f"found {', '.join(sorted(headers)) or 'none'}"
    )


def _check_square(
    shape: tuple[int, ...], dtype: np.dtype[Any], what: str, count: int, path: Path
) -> None:
    if dtype.hasobject:
        raise DataError(
            f"{path}: {what} holds pickled objects, which run code when they are opened; expected "
            "numbers"
        )
    if shape != (count, count):
        raise _other_shape(what, shape, count, path)
    if dtype.kind not in "biuf":
        raise DataError(f"{path}: {what} holds {dtype}; expected numbers")
    _check_memory(count * count * dtype.itemsize, path)


def _check_memory(size: int, path: Path) -> None:
    free = free_memory()
    if size > free:
        raise DataError(
            f"{path}: needs {size / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free; "
            "give the edges alone, as scipy.sparse.save_npz or from,to,weight in a CSV"
        )


def _read_sparse(path: Path, headers: dict[str, _Header], count: int) -> GraphEntries:
    """What scipy.sparse.save_npz writes."""
    if any(dtype.hasobject for _, dtype in headers.values()):
        raise DataError(
            f"{path}: holds pickled objects, which run code when they are opened; expected what "
            "scipy.sparse.save_npz writes"
        )
    (form_shape, form_type), (shape_shape, shape_type) = headers["format"], headers["shape"]
    if form_shape != () or form_type.kind not in "SU" or form_type.itemsize > 64:
        raise DataError(f"{path}: format is {form_type} of shape {form_shape}; expected a word")
    if shape_shape != (2,) or shape_type.kind not in "iu":
        raise DataError(f"{path}: shape is {shape_type} of shape {shape_shape}; expected 2 numbers")
    with np.load(path, allow_pickle=False) as arrays:
        form, shape = arrays["format"].item(), tuple(int(size) for size in arrays["shape"])
    form = form.decode("ascii") if isinstance(form, bytes) else form
    if form not in _PLACES:
        raise DataError(f"{path}: a sparse matrix as {form!r}; expected {', '.join(_PLACES)}")
    if shape != (count, count):
        raise _other_shape("the sparse matrix", shape, count, path)
    lacking = [name for name in _PLACES[form] if name not in headers]
    if lacking:
        raise DataError(f"{path}: lacks {', '.join(lacking)} of a sparse matrix as {form}")
    used = {name: headers[name] for name in ("data", *_PLACES[form])}
    if used["data"][1].kind not in "biuf":
        raise DataError(f"{path}: holds {used['data'][1]}; expected numbers")
    _check_memory(math.prod(used["data"][0]) * _BYTES_PER_ENTRY, path)
    for name, (sizes, number) in used.items():
        _check_memory(math.prod(sizes) * number.itemsize, path)
        if name != "data" and number.kind not in "iu":
            raise DataError(f"{path}: {name} holds {number}; expected places of entries")
    matrix = sparse.load_npz(path)  # with allow_pickle=False
    if form != "coo":
        matrix.check_format(full_check=True)  # else places outside would be read
    return GraphEntries.of_sparse(matrix, None, "the sparse matrix")


def _other_shape(what: str, shape: tuple[int, ...], count: int, path: Path) -> DataError:
    return DataError(
        f"{path}: {what} has the shape {shape}; the series has {count} locations, so expected "
        f"{(count, count)}"
    )


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{path}: cannot be read as a graph in NumPy format: {reason}")
