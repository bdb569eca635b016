import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.locations import with_coordinates
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    return path


@pytest.mark.parametrize("header", ["id,lat,lng", "station,y_m,x_m", "id,first,second"])
def test_coordinates(csv, tmp_path, header):
    places = tmp_path / "places.csv"
    places.write_text(f"{header}\nb,1,2\na,3,4\n")
    series = read_series(csv, DataConfig(locations_file=str(places)))
    np.testing.assert_array_equal(series.coordinates, [[3, 4], [1, 2]])


def test_columns_are_found_by_name(csv, tmp_path):
    places = tmp_path / "places.csv"
    places.write_text("id,lng,height,lat\na,4,0,3\nb,2,0,1\n")
    series = read_series(csv, DataConfig(locations_file=str(places)))
    np.testing.assert_array_equal(series.coordinates, [[3, 4], [1, 2]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,lat,lng\na,1,2\n", "lacks 1 of 2 locations, e.g. 'b'"),
        ("id,lat\na,1\nb,2\n", "two coordinates"),
        ("id,lat,lng\na,x,2\nb,1,2\n", "must be numbers"),
    ],
)
def test_bad_coordinates(csv, tmp_path, text, words):
    (tmp_path / "places.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_series(csv, DataConfig(locations_file=str(tmp_path / "places.csv")))


def series(*ids):
    return SpatioTemporalSeries(np.ones((2, len(ids))), location_ids=ids)


def test_ids_in_another_column_than_the_first(tmp_path):
    """As graph_sensor_locations.csv of DCRNN has them."""
    path = tmp_path / "places.csv"
    path.write_text(
        "index,sensor_id,latitude,longitude\n0,773869,34.1,-118.2\n1,767541,34.2,-118.3\n"
    )
    found = with_coordinates(series("767541", "773869"), path).coordinates
    np.testing.assert_array_equal(found, [[34.2, -118.3], [34.1, -118.2]])


def test_no_header(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("0;773869;34.1;-118.2\n1;767541;34.2;-118.3\n")
    found = with_coordinates(series("767541", "773869"), path).coordinates
    np.testing.assert_array_equal(found, [[34.2, -118.3], [34.1, -118.2]])


@pytest.mark.parametrize(("in_series", "in_file"), [("7", "007"), ("007", "7"), ("0", "000")])
def test_leading_zeros(tmp_path, in_series, in_file):
    path = tmp_path / "places.csv"
    path.write_text(f"id,lat,lng\n{in_file},1,2\n40,3,4\n")
    found = with_coordinates(series(in_series, "40"), path).coordinates
    np.testing.assert_array_equal(found, [[1, 2], [3, 4]])
