import numpy as np
import pytest
from sklearn.linear_model import Ridge

from stemdist_ray.data.covariates import day_of_week
from stemdist_ray.data.simulate import (
    DEMO_SOURCE,
    TrafficParameters,
    parse_simulation,
    simulate_traffic,
)
from stemdist_ray.errors import DataError
from tests.conftest import real_file


def test_parse():
    parameters = parse_simulation(
        "sim:traffic?locations=30,steps=100,seed=2,missing=0.1,meta=a/b.csv"
    )
    assert parameters == TrafficParameters(30, 100, 2, 0.1, meta="a/b.csv")
    assert parse_simulation("sim:traffic") == TrafficParameters()
    assert parse_simulation(DEMO_SOURCE).seed == 0
    assert parse_simulation("sim:traffic?start=2024-03-01").start == "2024-03-01"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("sim:weather", "unknown simulation"),
        ("sim:traffic?colour=red", "known parameters"),
        ("sim:traffic?locations=many", "whole number"),
        ("sim:traffic?locations=0", "locations must lie in"),
        ("sim:traffic?missing=0.9", "missing must lie in"),
        ("sim:traffic?start=soon", "start must be a day such as 2024-01-01; found 'soon'"),
        ("sim:traffic?meta=nowhere.csv", "cannot read"),
    ],
)
def test_bad_sources(source, words):
    with pytest.raises(DataError, match=words):
        simulate_traffic(parse_simulation(source))


def test_same_seed_same_series():
    one, two, other = (
        simulate_traffic(TrafficParameters(locations=10, steps=50, seed=s)).content_hash()
        for s in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_the_start_is_the_first_time_stamp():
    series = simulate_traffic(TrafficParameters(locations=5, steps=50, start="2024-03-02"))
    assert series.times[0] == np.datetime64("2024-03-02")
    assert series.times[1] - series.times[0] == np.timedelta64(5, "m")


def test_the_train_split_of_the_demo_knows_weekdays_and_weekends():
    parameters = parse_simulation(DEMO_SOURCE)
    steps = np.arange(round(0.6 * parameters.steps)) * np.timedelta64(5, "m")
    weekend = day_of_week(np.datetime64(parameters.start, "ns") + steps) >= 5
    assert set(weekend.tolist()) == {False, True}


def test_looks_like_traffic():
    series = simulate_traffic(TrafficParameters(locations=40, steps=2016))
    speed = np.nanmean(series.values[:, :, 0], axis=1)
    hours = np.arange(2016) % 288 / 12
    weekday = np.arange(2016) < 5 * 288
    night, rush = weekday & (hours < 4), weekday & (abs(hours - 17.5) < 1)
    assert speed[night].mean() > speed[rush].mean() + 10
    assert 0.01 < series.missing_share < 0.04
    assert series.coordinates is not None
    assert series.units == ("km/h",)


def test_a_model_that_uses_neighbours_beats_one_that_does_not():
    series = simulate_traffic(TrafficParameters(locations=100, steps=1500, missing=0))
    speed = series.values[:, :, 0]
    starts = np.arange(12, 1490, 3)

    def samples(neighbours):
        columns = [speed[s - 12 : s] for s in starts]
        own = np.stack([c[:, :-2].T for c in columns])
        if neighbours:  # the next two locations downstream
            more = [np.stack([c[:, k : 98 + k].T for c in columns]) for k in (1, 2)]
            own = np.concatenate([own, *more], axis=2)
        targets = np.stack([speed[s + 5, :-2] for s in starts])
        return own, targets

    errors = []
    for neighbours in (False, True):
        x, y = samples(neighbours)
        half = len(x) // 2
        model = Ridge().fit(x[:half].reshape(-1, x.shape[2]), y[:half].ravel())
        gap = model.predict(x[half:].reshape(-1, x.shape[2])) - y[half:].ravel()
        errors.append(float(np.sqrt((gap**2).mean())))
    assert errors[1] < 0.9 * errors[0]


def test_metadata_columns_are_checked(tmp_path):
    (tmp_path / "m.csv").write_text("ID,Lat\n1,2\n")
    with pytest.raises(DataError, match="lacks the columns"):
        simulate_traffic(TrafficParameters(meta=str(tmp_path / "m.csv")))


def test_paper_size_network():
    path = real_file("largest_gba_meta.csv")
    series = simulate_traffic(TrafficParameters(steps=50, meta=str(path)))
    assert series.num_locations == 2352
    few = simulate_traffic(TrafficParameters(locations=100, steps=50, meta=str(path)))
    assert few.location_ids == series.location_ids[:100]
    with pytest.raises(DataError, match="has 2352 sensors"):
        simulate_traffic(TrafficParameters(locations=9999, steps=50, meta=str(path)))
