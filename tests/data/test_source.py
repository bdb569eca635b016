import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series, source_format
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


def test_bad_step(csv):
    with pytest.raises(DataError, match="give no time stamps"):
        read_series(csv, DataConfig(start="2012-03-01", sampling_step="often"))
