import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.series import OWN_START, OWN_STEP, SpatioTemporalSeries
from stemdist_ray.data.source import read_series, source_format, with_time_stamps
from stemdist_ray.errors import DataError


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n0,1\n2,-9\n4,5\n")
    return path


def test_demo_is_the_simulator():
    assert source_format("demo") == source_format("sim:traffic?steps=50") == "simulation"
    assert read_series("demo").num_locations == 120


def test_format_is_the_readers_name(csv, tmp_path):
    assert source_format(csv) == "csv"
    with pytest.raises(DataError, match="no such file"):
        source_format(tmp_path / "none.csv")


def test_missing_values(csv):
    assert read_series(csv).mask is None
    series = read_series(csv, DataConfig(missing_values=(0, -9)))
    assert series.missing_share == pytest.approx(2 / 6)
    assert np.isnan(series.values[0, 0, 0])


def test_time_stamps_from_start_and_step(csv):
    series = read_series(csv, DataConfig(start="2012-03-01", sampling_step="5min"))
    assert series.times is not None
    assert series.sampling_step == np.timedelta64(5, "m")


def test_time_stamps_are_not_replaced():
    with pytest.raises(DataError, match="leave out data.start and data.sampling_step"):
        read_series("demo", DataConfig(start="2012-03-01", sampling_step="5min"))


@pytest.mark.parametrize(
    ("given", "other"),
    [({"start": "2012-03-01"}, "data.sampling_step"), ({"sampling_step": "5min"}, "data.start")],
)
def test_start_and_step_go_together(csv, given, other):
    with pytest.raises(DataError, match=f"go together; give {other}, too"):
        read_series(csv, DataConfig(**given))


def test_one_of_them_is_enough_where_the_source_says_the_other():
    series = SpatioTemporalSeries(np.ones((3, 2)), attributes={OWN_STEP: "5min"})
    assert with_time_stamps(series, None, None).times is None
    stamps = with_time_stamps(series, "2012-03-01", None).times
    assert stamps[1] == np.datetime64("2012-03-01T00:05")
    with pytest.raises(DataError, match="5min apart by its own account and 0 days 00:15:00 by"):
        with_time_stamps(series, "2012-03-01", "15min")
    series = SpatioTemporalSeries(np.ones((3, 2)), attributes={OWN_START: "2012-03-01"})
    assert with_time_stamps(series, None, "1h").times[0] == np.datetime64("2012-03-01")
    with pytest.raises(DataError, match="starts at 2012-03-01 by its own account"):
        with_time_stamps(series, "2012-03-02", "1h")


def test_bad_step(csv):
    with pytest.raises(DataError, match="give no time stamps"):
        read_series(csv, DataConfig(start="2012-03-01", sampling_step="often"))


def test_common_steps_are_those_that_were_asked_for(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("time,a\n2024-01-01 00:10,1\n2024-01-01 02:10,2\n2024-01-01 04:10,3\n")
    series = read_series(path, DataConfig(read={"resample": ("mean", "1h")}))
    assert series.num_steps == 5
    np.testing.assert_array_equal(series.values[::2, 0, 0], [1, 2, 3])


def test_a_missing_value_larger_than_any_reading(csv):
    assert read_series(csv, DataConfig(missing_values=(1e300,))).mask is None
