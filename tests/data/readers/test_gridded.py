from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stemdist_ray.data.readers.gridded import dataset_to_series
from stemdist_ray.errors import DataError

TIMES = np.arange(3).astype("datetime64[h]").astype("datetime64[ns]")


def grid(rng, names=("t2m",)):
    shape = ("time", "latitude", "longitude")
    variables = {n: (shape, rng.normal(size=(3, 2, 4)), {"units": "K"}) for n in names}
    coords = {"time": TIMES, "latitude": [50.0, 50.25], "longitude": [1.0, 2, 3, 4]}
    return xr.Dataset(variables, coords=coords)


def test_grid_becomes_locations_and_variables_become_features(rng):
    data = grid(rng, ("t2m", "u10"))
    series = dataset_to_series(data, Path("x.nc"))
    assert series.values.shape == (3, 8, 2)
    assert series.feature_names == ("t2m", "u10")
    assert series.units == ("K", "K")
    assert series.location_ids[:2] == ("50,1", "50,2")
    np.testing.assert_array_equal(series.coordinates[5], [50.25, 2])
    np.testing.assert_allclose(series.values[:, 5, 0], data.t2m[:, 1, 1], rtol=1e-6)


def test_dimension_order_does_not_matter(rng):
    data = grid(rng)
    turned = data.transpose("longitude", "time", "latitude")
    one, other = (dataset_to_series(d, Path("x.nc")) for d in (data, turned))
    place = {name: i for i, name in enumerate(other.location_ids)}
    order = [place[",".join(reversed(name.split(",")))] for name in one.location_ids]
    np.testing.assert_array_equal(one.values, other.values[:, order])


def test_two_dimensional_coordinates(rng):
    lat = rng.normal(size=(2, 4))
    data = xr.Dataset(
        {"v": (("time", "y", "x"), rng.normal(size=(3, 2, 4)))},
        coords={"time": TIMES, "lat": (("y", "x"), lat), "lon": (("y", "x"), lat + 1)},
    )
    series = dataset_to_series(data, Path("x.nc"))
    np.testing.assert_allclose(series.coordinates[:, 0], lat.ravel())


def test_variables_without_time_are_ignored(rng):
    data = grid(rng).assign(orography=(("latitude", "longitude"), np.ones((2, 4))))
    assert dataset_to_series(data, Path("x.nc")).feature_names == ("t2m",)


def test_no_time(rng):
    data = xr.Dataset({"v": (("a", "b"), rng.normal(size=(2, 2)))})
    with pytest.raises(DataError, match="no time dimension"):
        dataset_to_series(data, Path("x.nc"))


def test_no_numeric_variable():
    data = xr.Dataset({"v": ("time", ["a", "b", "c"])}, coords={"time": TIMES})
    with pytest.raises(DataError, match="no numeric variable"):
        dataset_to_series(data, Path("x.nc"))


def test_different_grids(rng):
    data = grid(rng).assign(station=(("time", "s"), np.ones((3, 5))))
    with pytest.raises(DataError, match="different grids"):
        dataset_to_series(data, Path("x.nc"))
