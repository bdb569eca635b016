"""Readers, one format per file. Importing this package makes all of them known."""

from stemdist_ray.data.readers import (
    arrow,
    basicts,
    canonical,
    csv,
    hdf5,
    hugging_face,
    libcity,
    netcdf,
    npz,
    parquet,
    zarr,
)
from stemdist_ray.data.readers.base_class import READERS, Reader, find_reader, register_reader

__all__ = [
    "READERS",
    "Reader",
    "arrow",
    "basicts",
    "canonical",
    "csv",
    "find_reader",
    "hdf5",
    "hugging_face",
    "libcity",
    "netcdf",
    "npz",
    "parquet",
    "register_reader",
    "zarr",
]
