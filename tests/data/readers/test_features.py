import numpy as np
import pandas as pd
import pytest

from stemdist_ray.data.readers.features import coordinate_columns, counts, features_of, is_index


def table():
    return pd.DataFrame(
        {
            "id": range(100, 106),
            "when": np.repeat([0, 1, 2], 2),
            "who": ["a", "b"] * 3,
            "street": ["x", "y"] * 3,
            "lat": [1.0, 2.0] * 3,
            "lon": [3.0, 4.0] * 3,
            "speed": np.arange(6.0),
        }
    )


def test_readings_are_what_varies():
    assert features_of(table(), "when", "who") == ("speed",)


def test_numbers_that_never_vary_are_readings_where_there_are_no_others():
    left = table().drop(columns="speed")
    assert features_of(left, "when", "who") == ("lat", "lon")


def test_coordinates():
    assert coordinate_columns(table(), "who", ("speed",)) == ("lat", "lon")
    assert coordinate_columns(table(), "who", ("lat",)) == ()
    assert coordinate_columns(table().drop(columns="lon"), "who", ("speed",)) == ()
    assert coordinate_columns(table().assign(lat="north"), "who", ("speed",)) == ()


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ([1, 2, 3, 4], True),
        ([1, 2, 3, 1, 2, 3], True),
        ([1, 1, 1, 1], False),
        ([1, 2, 4], False),
        ([1.0, 2.0, 3.0], False),
        ([1, 2], False),
    ],
)
def test_running_numbers(numbers, wanted):
    assert counts(pd.Series(numbers)) == wanted


def test_the_index_of_a_data_frame():
    assert is_index("Unnamed: 0")
    assert not is_index("time")
