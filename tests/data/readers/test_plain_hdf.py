import h5py
import numpy as np
import pytest

from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.readers.plain_hdf import slot_times
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


def write(path, **items):
    with h5py.File(path, "w") as file:
        for name, value in items.items():
            file[name] = value
    return path


def dates(slots, day="20130701"):
    return np.array([f"{day}{slot:02d}".encode() for slot in slots])


def test_flows_of_a_city(tmp_path):
    data = np.arange(48 * 2 * 2 * 3, dtype=float).reshape(48, 2, 2, 3)
    series = read_series(write(tmp_path / "BJ.h5", data=data, date=dates(range(1, 49))))
    assert series.feature_names == ("inflow", "outflow")
    assert series.location_ids == ("0,0", "0,1", "0,2", "1,0", "1,1", "1,2")
    assert series.times[0] == np.datetime64("2013-07-01T00:00")
    assert series.times[-1] == np.datetime64("2013-07-01T23:30")
    np.testing.assert_array_equal(series.values[7, :, 1], data[7, 1].ravel())


def test_left_out_slots_are_missing(tmp_path):
    slots = [*range(1, 10), *range(12, 25)]
    path = write(tmp_path / "NYC.h5", data=np.ones((22, 2, 1, 2)), date=dates(slots))
    series = read_series(path)
    assert (series.num_steps, series.sampling_step) == (24, np.timedelta64(1, "h"))
    assert np.isnan(series.values[9:11]).all()


def test_dates_with_a_time_of_day():
    stamps = slot_times(["201307010030", "201307010100"], "x.h5")
    assert stamps[0] == np.datetime64("2013-07-01T00:30")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["2013070100"], "run from 0 to 0"),
        (["2013070149"], "run from 49 to 49; expected"),
        (["2013139901"], "is not a time stamp"),
        (["201307010", "2013070102"], "dates must be like 2013070101"),
        (["2013-07-01"], "dates must be like 2013070101"),
        (["2013070101", "201307010030"], "dates must be like 2013070101"),
        (["201307012530"], "is not a time stamp"),
    ],
)
def test_dates_that_fit_no_day(given, message):
    with pytest.raises(DataError, match=message) as caught:
        slot_times(given, "x.h5")
    assert "\n" not in str(caught.value)


def test_flows_that_are_none(tmp_path):
    path = write(tmp_path / "x.h5", data=np.ones((3, 4, 2, 2)), date=dates([1, 2, 3]))
    with pytest.raises(DataError, match=r"shape \(steps, 2, rows, columns\)"):
        read_series(path)
    path = write(tmp_path / "y.h5", data=np.ones((3, 2, 2, 2)), date=dates([1, 2]))
    with pytest.raises(DataError, match=r"a date per step"):
        read_series(path)
    path = write(tmp_path / "z.h5", data=np.ones((3, 2, 2, 2)), date=dates([1, 2, 2]))
    with pytest.raises(DataError, match="time stamps must increase"):
        read_series(path)


@pytest.mark.parametrize("shape", [(6, 2), (6, 2, 3)])
def test_one_array(tmp_path, shape):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    series = read_series(write(tmp_path / "x.h5", readings=values, adj=np.ones(2)))
    np.testing.assert_array_equal(series.values, values.reshape(6, 2, -1))
    assert series.times is None


@pytest.mark.parametrize(
    "stamps",
    [
        [f"2024-01-0{day}".encode() for day in range(1, 7)],
        1704067200 + 86_400 * np.arange(6),
    ],
)
def test_an_array_with_times(tmp_path, stamps):
    series = read_series(write(tmp_path / "x.h5", readings=np.ones((6, 2)), timestamp=stamps))
    assert series.times[-1] == np.datetime64("2024-01-06")


def test_running_numbers_are_no_times(tmp_path):
    series = read_series(write(tmp_path / "x.h5", readings=np.ones((6, 2)), time=np.arange(6)))
    assert series.times is None


def test_several_arrays(tmp_path):
    path = write(tmp_path / "x.h5", flow=np.ones((6, 2)), speed=np.full((6, 2), 2.0))
    with pytest.raises(
        DataError, match=r"flow, speed may hold the readings; say .*data\.read\.key"
    ):
        read_series(path)
    series = read_series(path, DataConfig(read=ReadConfig(key="/speed")))
    assert series.values[0, 0, 0] == 2
    with pytest.raises(DataError, match=r"no data set 'x' of numbers.*flow \(6, 2\)"):
        read_series(path, DataConfig(read=ReadConfig(key="x")))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({}, "found nothing"),
        ({"a": np.ones(3)}, r"expected a pandas table.*found a \(3,\)"),
        ({"a": np.ones((3, 2, 2, 2))}, r"found a \(3, 2, 2, 2\)"),
        ({"a": np.ones((3, 2), complex)}, r"found a \(3, 2\)"),
        ({"a": np.empty((0, 2))}, "'a' is empty"),
        ({"a": np.full((3, 2), 1e300)}, "infinite reading"),
        ({"a": np.ones((3, 2)), "time": [b"x", b"y", b"z"]}, "'x' is not a time stamp"),
        ({"a": np.ones((2, 2)), "time": [1e9, 2e9], "date": [1e9, 2e9]}, "may hold the times"),
    ],
)
def test_files_that_are_refused(tmp_path, items, message):
    with pytest.raises(DataError, match=message) as caught:
        read_series(write(tmp_path / "x.h5", **items))
    assert "\n" not in str(caught.value)


def test_settings_of_tables_say_nothing(tmp_path):
    path = write(tmp_path / "x.h5", a=np.ones((3, 2)))
    with pytest.raises(DataError, match="layout says nothing about arrays"):
        read_series(path, DataConfig(read=ReadConfig(layout="long")))


def test_sizes_that_the_header_declares(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("a", (10**7, 10**7, 4), np.float32, chunks=(1, 1, 4))
    with pytest.raises(DataError, match=r"10,000,000 x 10,000,000 x 4 would need .* TiB"):
        read_series(tmp_path / "x.h5")
