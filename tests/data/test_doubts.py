import numpy as np
import pandas as pd
import pytest

from stemdist_ray.data.doubts import doubts
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.season import describe_season
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series


def about(values, **known):
    series = SpatioTemporalSeries(values=np.asarray(values, np.float32), **known)
    return "\n".join(doubts(series, describe_season(series.values[:, :, 0], series.times)))


def noise(steps=60, locations=5, low=1.0):
    return np.random.default_rng(0).uniform(low, low + 1, (steps, locations))


def stamps(count, step="h"):
    return pd.date_range("2024-01-01", periods=count, freq=step).to_numpy()


def test_nothing_to_say_of_good_data():
    assert about(noise(), times=stamps(60)) == ""
    demo = read_series("demo")
    assert doubts(demo, describe_season(demo.values[:, :, 0], demo.times)) == []


def test_a_column_like_times_that_is_none(tmp_path):
    path = tmp_path / "x.csv"
    pd.DataFrame(noise(), columns=list("abcde")).rename_axis("step").to_csv(path)
    series = read_series(path)
    (line,) = doubts(series, describe_season(series.values[:, :, 0], None))
    assert line.startswith("column 'step' only numbers the rows; there are no time stamps.")
    assert "data.start" in about(noise(), attributes=reading(layout="array"))


def test_irregular_steps():
    times = np.concatenate([stamps(30), stamps(30, "2h") + np.timedelta64(3, "D")])
    assert "steps are not equally long: 0 days 01:00:00 to" in about(noise(), times=times)


def test_more_locations_than_steps():
    assert about(noise(5, 60), times=stamps(5)) == "there are more locations (60) than steps (5)"
    text = about(noise(5, 60), attributes=reading(layout="wide"))
    assert "more locations (60) than steps (5); if rows are locations, say data.read.trans" in text


def test_a_location_far_off_the_others():
    values = noise()
    values[:, 3] *= 5e4
    assert "location 3 is 1000 times off the others: on average" in about(values, times=stamps(60))
    values[:, 3] /= 5e9
    assert "location 3 is 1000 times off" in about(values, times=stamps(60))


def test_whole_numbers_as_locations(tmp_path):
    table = pd.DataFrame(
        {
            "time": np.repeat(stamps(20), 3),
            "kind": np.tile([4, 7, 9], 20),
            "speed": noise(60, 1)[:, 0],
        }
    )
    table.to_parquet(tmp_path / "x.parquet")
    series = read_series(tmp_path / "x.parquet")
    text = "\n".join(doubts(series, describe_season(series.values[:, :, 0], series.times)))
    assert "the whole numbers in 'kind' are taken for 3 location ids" in text


def test_ids_that_are_the_same_number():
    ids = ("7", "8", "007", "x", "y")
    text = about(noise(), times=stamps(60), location_ids=ids)
    assert text == "location ids 7 and 007 are the same number"


def test_parts_of_times_as_locations():
    ids = ("hour", "weekday", "a", "b", "c")
    assert "locations are called hour, weekday" in about(noise(), location_ids=ids)


@pytest.mark.parametrize("share", [0.85, 0.95])
def test_hardly_anything_observed(share):
    values = noise(400)
    values[np.random.default_rng(1).random(values.shape) < share] = np.nan
    assert ("% of the entries are missing" in about(values, times=stamps(400))) == (share > 0.9)


def test_locations_that_tell_nothing():
    values = noise()
    values[:, 1], values[:, 4] = np.nan, 1.5
    text = about(values, times=stamps(60))
    assert "location 1 is never observed" in text
    assert "location 4 is the same at all times" in text


def test_a_period_that_nobody_named():
    wave = np.sin(np.arange(300) / 24 * 2 * np.pi)[:, None] + noise(300)
    assert "a period of 24 steps was found" in about(wave)
    assert "a period" not in about(wave, times=stamps(300))
