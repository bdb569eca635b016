import numpy as np

from stemdist_ray.artifact.dataset_tables import (
    encoder_table,
    known_parts,
    location_table,
    optional_column,
    synthetic_table,
)
from stemdist_ray.artifact.tensors import read_tensor
from stemdist_ray.distillation.state import KnownParts


def arrays(rng):
    return (
        rng.normal(size=(5, 4, 3, 1)).astype(np.float32),
        rng.normal(size=(5, 2, 3)).astype(np.float32),
    )


def test_windows_come_back_with_what_is_known_of_them(rng):
    x, y = arrays(rng)
    known = KnownParts(
        calendar=rng.normal(size=(5, 4, 2)).astype(np.float32),
        offset=rng.normal(size=(5, 2, 3)).astype(np.float32),
        weights=rng.uniform(size=5),
    )
    table = synthetic_table(x, y, known)
    assert table.num_rows == 5
    np.testing.assert_array_equal(read_tensor(table["x"]), x)
    np.testing.assert_array_equal(read_tensor(table["y"]), y)
    again = known_parts(table, None)
    for name in ("calendar", "offset", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(known, name))
    assert again.own is None


def test_what_is_not_known_has_no_column(rng):
    table = synthetic_table(*arrays(rng), KnownParts())
    assert table.column_names == ["window", "x", "y"]
    again = known_parts(table, None)
    assert (again.calendar, again.offset, again.weights) == (None, None, None)


def test_locations(rng):
    places = rng.normal(size=(3, 2))
    table = location_table(("a", "b", "007"), np.array([0, 1, 0]), places)
    assert table["id"].to_pylist() == ["a", "b", "007"]
    np.testing.assert_array_equal(optional_column(table, "coordinate_1"), places[:, 1])
    table = location_table(("a", "b", "c"), np.array([0, 1, 0]), None)
    assert optional_column(table, "coordinate_0") is None


def test_mean_windows(rng):
    mean = rng.normal(size=(3, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(
        read_tensor(encoder_table(("a", "b", "c"), mean)["mean_window"]), mean
    )
