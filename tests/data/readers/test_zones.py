from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.data.readers.times import to_datetime64
from stemdist_ray.errors import DataError

PATH = Path("x.csv")
PARIS = ReadConfig(timezone="Europe/Paris")
# Over both changes of the clocks.
UTC = {
    month: pd.date_range(f"2024-{month}-{day}", periods=96, freq="30min")
    for month, day in (("03", 30), ("10", 26))
}


def shown(stamps):
    return stamps.tz_localize("UTC").tz_convert("Europe/Paris").tz_localize(None)


@pytest.mark.parametrize("month", ["03", "10"])
@pytest.mark.parametrize("as_text", [True, False])
def test_changes_of_the_clocks(month, as_text):
    local = shown(UTC[month])
    values = local.strftime("%Y-%m-%d %H:%M") if as_text else local
    np.testing.assert_array_equal(to_datetime64(values, PATH, PARIS), UTC[month])


@pytest.mark.parametrize("by_time", [True, False])
def test_in_a_long_table_every_location_has_its_clock(by_time):
    rows = [(t, i, s) for s, t in enumerate(shown(UTC["10"])) for i in "ab"]
    table = pd.DataFrame(rows, columns=["time", "id", "v"])
    if not by_time:
        table = table.sort_values("id", kind="stable")
    series = frame_to_series(table, PATH, PARIS)
    np.testing.assert_array_equal(series.times, UTC["10"])
    np.testing.assert_array_equal(series.values[:, 0, 0], np.arange(96))


def test_without_the_setting_an_hour_that_comes_twice_is_refused():
    table = pd.DataFrame({"time": shown(UTC["10"]), "a": np.arange(96.0)})
    with pytest.raises(DataError, match="time stamps must increase"):
        frame_to_series(table, PATH, ReadConfig())


@pytest.mark.parametrize(
    ("values", "zone", "words"),
    [
        (["2024-03-31 02:30"], "Europe/Paris", "data row 1: clocks in Europe/Paris never show"),
        (["2024-10-27 02:30"], "Europe/Paris", "twice and it comes 1 times; expected both"),
        (["2024-01-01"], "Europe/Pariss", "unknown time zone 'Europe/Pariss'"),
        (["2024-01-01"], "../etc/passwd", "unknown time zone"),
        (["2024-01-01T00:00+01:00"], "Europe/Paris", "count from UTC themselves; leave"),
        ([1.7e9], "Europe/Paris", "count from UTC themselves"),
    ],
)
def test_refused(values, zone, words):
    with pytest.raises(DataError, match=words):
        to_datetime64(values, PATH, ReadConfig(timezone=zone))


def test_an_empty_name_is_no_zone():
    with pytest.raises(DataError, match="unknown time zone"):
        to_datetime64(UTC["03"], PATH, ReadConfig(timezone=""))
