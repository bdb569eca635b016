import numpy as np
import pytest

from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.errors import DataError

DYNA = """dyna_id,type,time,entity_id,traffic_speed,traffic_flow
0,state,2012-03-01T00:00:00Z,773869,64.375,1
1,state,2012-03-01T00:05:00Z,773869,62.666,2
2,state,2012-03-01T00:10:00Z,773869,64.0,3
3,state,2012-03-01T00:00:00Z,007,67.625,4
4,state,2012-03-01T00:05:00Z,007,,5
5,state,2012-03-01T00:10:00Z,007,66.1,6
"""
GEO = """geo_id,type,coordinates
007,Point,"[-118.31829, 34.15497]"
9,Point,"[0, 0]"
773869,Polygon,"[[[-118.0, 34.0], [-118.0, 35.0], [-117.0, 35.0], [-117.0, 34.0], [-118.0, 34.0]]]"
"""
GRID = "dyna_id,type,time,row_id,column_id,inflow,outflow\n" + "".join(
    f"0,state,2015-01-01T0{hour}:00:00Z,{row},{column},{10 * row + column},{hour}\n"
    for row in range(2)
    for column in range(3)
    for hour in range(4)
)
CELLS = "geo_id,type,coordinates,row_id,column_id\n" + "".join(
    f'{3 * row + column},Polygon,"[[[{column}, {row}], [{column + 1}, {row + 1}]]]",'
    f"{row},{column}\n"
    for row in range(2)
    for column in range(3)
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "LA").mkdir()
    (tmp_path / "LA" / "LA.dyna").write_text(DYNA)
    (tmp_path / "LA" / "LA.geo").write_text(GEO)
    (tmp_path / "LA" / "LA.rel").write_text("rel_id,type,origin_id,destination_id,cost\n")
    return tmp_path / "LA"


def test_locations_follow_geo(folder):
    series = read_series(folder / "LA.dyna")
    assert series.location_ids == ("007", "773869")
    assert series.feature_names == ("traffic_speed", "traffic_flow")
    np.testing.assert_allclose(series.coordinates, [[34.15497, -118.31829], [34.5, -117.5]])
    assert series.times[1] == np.datetime64("2012-03-01T00:05")
    np.testing.assert_array_equal(series.values[:, 0, 1], [4, 5, 6])
    assert np.isnan(series.values[1, 0, 0])


def test_the_folder_is_its_only_file(folder):
    assert source_format(folder) == "libcity_folder"
    assert read_series(folder).content_hash() == read_series(folder / "LA.dyna").content_hash()
    (folder / "LB.grid").write_text(GRID)
    with pytest.raises(DataError, match=r"holds LA\.dyna, LB\.grid; give the path"):
        read_series(folder)


def test_features_may_be_chosen(folder):
    options = ReadConfig(features=("traffic_flow",))
    assert read_series(folder, DataConfig(read=options)).feature_names == ("traffic_flow",)
    with pytest.raises(DataError, match="no column of readings 'flow'; found traffic_speed"):
        read_series(folder, DataConfig(read=ReadConfig(features=("flow",))))


def test_grids(tmp_path):
    (tmp_path / "x.grid").write_text(GRID)
    bare = read_series(tmp_path / "x.grid")
    assert bare.location_ids == ("0,0", "0,1", "0,2", "1,0", "1,1", "1,2")
    assert bare.coordinates is None
    (tmp_path / "x.geo").write_text(CELLS)
    series = read_series(tmp_path)
    assert series.values.shape == (4, 6, 2)
    np.testing.assert_array_equal(series.values[0, :, 0], [0, 1, 2, 10, 11, 12])
    np.testing.assert_allclose(series.coordinates[4], [1.5, 1.5])


@pytest.mark.parametrize("ending", ["od", "gridod", "ext"])
def test_other_files_are_refused_by_name(tmp_path, ending):
    (tmp_path / f"x.{ending}").write_text("dyna_id,type,time\n")
    for path in (tmp_path, tmp_path / f"x.{ending}"):
        with pytest.raises(DataError, match=rf"x\.{ending}: holds .*expected a \.dyna or \.grid"):
            read_series(path)


@pytest.mark.parametrize("name", ["LA.geo", "LA.rel"])
def test_files_beside_the_readings_are_no_source(folder, name):
    with pytest.raises(DataError, match=r"whose readings are in a \.dyna or \.grid file"):
        read_series(folder / name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entity_id", "entity", "no column 'entity_id'"),
        ("traffic_flow", "traffic_speed", "two columns have one name"),
        ("state", "trajectory", "holds trajectories"),
        (",62.666,2", ",62.666", "cannot be read as an atomic file: .*Expected 6 columns, got 5"),
        (",62.666,2", ",62.666,2,9", "Expected 6 columns, got 7"),
        (",62.666,2", ",fast,2", "'traffic_speed', data row 2: expected a number, found 'fast'"),
        ("2012-03-01T00:05:00Z,77", ",77", "time and location must not be empty"),
        ("2012-03-01T00:05:00Z,77", "2012-03-01T00:00:00Z,77", "row 2 repeats"),
        ("2012-03-01T00:05:00Z,77", "soon,77", "no time stamp|offset from UTC|has none|soon"),
        (DYNA[DYNA.index("\n") :], "\n", "no rows|cannot be read"),
        ("007", "008", r"LA\.geo: lacks 1 of 2 locations, e\.g\. '008'"),
    ],
)
def test_damaged_readings(folder, old, new, message):
    (folder / "LA.dyna").write_text(DYNA.replace(old, new))
    with pytest.raises(DataError, match=message) as caught:
        read_series(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("geo_id", "id", r"LA\.geo: there is no column 'geo_id'"),
        ("[-118.31829, 34.15497]", "-118 34", "expected coordinates such as"),
        ("[-118.31829, 34.15497]", "[1, 2, 3, 4]", "expected coordinates such as"),
        ("[-118.31829, 34.15497]", "[NaN, 1]", "expected coordinates such as"),
        ("[-118.31829, 34.15497]", '{""a"": 1}', "expected coordinates such as"),
        ("[-118.31829, 34.15497]", "[]", "1 of 2 locations have no coordinates"),
        ("\n9,", "\n007,", "location '007' has two rows"),
    ],
)
def test_damaged_locations(folder, old, new, message):
    (folder / "LA.geo").write_text(GEO.replace(old, new))
    with pytest.raises(DataError, match=message) as caught:
        read_series(folder)
    assert "\n" not in str(caught.value)


def test_locations_without_any_coordinates(folder):
    (folder / "LA.geo").write_text("geo_id,type,coordinates\n773869,Point,[]\n007,Point,[]\n")
    series = read_series(folder)
    assert series.coordinates is None
    assert series.location_ids == ("773869", "007")


def test_bytes_that_are_no_text(folder):
    (folder / "LA.dyna").write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(DataError, match="cannot be read as an atomic file"):
        read_series(folder)
