"""A table in parts is read like the whole."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.parts import frames_to_series
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

PATH = Path("x.csv")
HOURS = pd.date_range("2024-03-30", periods=60, freq="h")
VALUES = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


def wide(times):
    return pd.DataFrame(VALUES, columns=list("abcd")).assign(time=times)


def long(times, ids):
    return pd.DataFrame(
        {
            "who": np.tile(ids, 60),
            "when": np.repeat(times, 4),
            "x": VALUES.ravel(),
            "y": VALUES.ravel() * 2,
        }
    )


TABLES = {
    "wide": wide(HOURS),
    "wide, text": wide(HOURS.strftime("%d.%m.%Y %H:%M")),
    "wide, numbered": wide(range(60)),
    "wide, no times": wide(HOURS).drop(columns="time"),
    "wide, date and clock": wide(HOURS.strftime("%H:%M")).assign(date=HOURS.strftime("%Y-%m-%d")),
    "long": long(HOURS, list("abcd")),
    "long, numbers": long(np.arange(1700000000, 1700000060), [7, 8, 9, 10]),
    "long, text": long(HOURS.strftime("%Y-%m-%d %H:%M"), ["007", "8", "NA", "x"]),
    "long, coordinates": long(HOURS, list("abcd")).assign(
        lat=np.tile([1.0, 2, 3, 4], 60), lon=np.tile([5.0, 6, 7, 8], 60)
    ),
    "long, numbered": long(np.arange(60), [7, 8, 9, 10]),
}


def parts(table, size):
    return iter([table[first : first + size] for first in range(0, len(table), size)])


def read(table, size, **options):
    budget = MemoryBudget(2**30)
    return frames_to_series(parts(table, size), PATH, ReadConfig(**options), budget)


@pytest.mark.parametrize("size", [24, 49, 59, 1000])
@pytest.mark.parametrize("name", TABLES)
def test_like_the_whole(name, size):
    whole = frame_to_series(TABLES[name], PATH, ReadConfig())
    series = read(TABLES[name], size)
    assert series.content_hash() == whole.content_hash()
    assert series.attributes == whole.attributes
    np.testing.assert_array_equal(series.coordinates, whole.coordinates)


def test_settings_hold_for_all_parts():
    zone = {"timezone": "Europe/Paris", "time_column": "when", "location_column": "who"}
    shown = HOURS.tz_localize("UTC").tz_convert("Europe/Paris").tz_localize(None)
    series = read(long(shown, list("abcd")), 50, **zone)
    np.testing.assert_array_equal(series.times, HOURS)
    hourly = read(TABLES["long"], 50, resample=("sum", "2h"))
    np.testing.assert_allclose(hourly.values[:, :, 0], VALUES[::2] + VALUES[1::2], rtol=1e-5)
    turned = pd.DataFrame(VALUES.T, columns=HOURS.strftime("%Y-%m-%d %H:%M"))
    turned.insert(0, "station", list("abcd"))
    np.testing.assert_array_equal(read(turned, 2, transpose=True).times, HOURS)


def test_what_is_no_number_is_named_by_its_row():
    table = TABLES["wide"].astype({"b": object})
    table.loc[53, "b"] = "x"
    with pytest.raises(DataError, match="column 'b', data row 54: expected a number"):
        read(table, 25)
    table = TABLES["long"].astype({"y": object})
    table.loc[230, "y"] = "x"
    with pytest.raises(DataError, match="column 'y', data row 231: expected a number"):
        read(table, 48)


def test_times_that_change_their_looks():
    table = TABLES["wide, date and clock"].copy()
    table.loc[40:, "time"] = "noon"
    with pytest.raises(DataError, match="columns of times do not look alike in all rows"):
        read(table, 30)


def test_ids_that_change_their_type():
    table = TABLES["long, numbers"]
    pieces = [table[:96], table[96:].astype({"who": str})]
    series = frames_to_series(iter(pieces), PATH, ReadConfig(), MemoryBudget(2**30))
    assert series.location_ids == ("7", "8", "9", "10")


def test_no_rows():
    with pytest.raises(DataError, match="no rows"):
        frames_to_series(iter([]), PATH, ReadConfig(), MemoryBudget(2**30))


def test_more_than_the_budget():
    with pytest.raises(DataError, match="60 steps x 4 locations x 2 features would need"):
        frames_to_series(parts(TABLES["long"], 100), PATH, ReadConfig(), MemoryBudget(1000))
