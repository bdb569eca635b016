import gc
import weakref

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data import prepared as module
from stemdist_ray.data.prepared import prepare, prepare_source
from stemdist_ray.errors import ConfigError, DataError

CONFIG = DataConfig(lookback=6, horizon=4)
SOURCE = "sim:traffic?locations=24,steps=400,seed=3"


def test_a_source_and_the_same_series_in_memory_are_prepared_alike(traffic):
    one, two = prepare_source(SOURCE, CONFIG), prepare_source(traffic, CONFIG)
    assert (one.description.source, one.description.format) == (SOURCE, "simulation")
    assert (two.description.source, two.description.format) == (traffic.name, "memory")
    assert one.description.hash == two.description.hash
    np.testing.assert_array_equal(one.windows.inputs, two.windows.inputs)
    assert one.location_ids == traffic.location_ids
    np.testing.assert_array_equal(one.coordinates, traffic.coordinates)


def test_what_is_prepared_already_is_taken_as_it_is(traffic, monkeypatch):
    source = prepare(traffic, CONFIG)
    for name in ("read_series", "prepare", "describe_series"):
        monkeypatch.setattr(module, name, lambda *unused: pytest.fail("worked twice"))
    assert prepare_source(source, CONFIG) is source
    elsewhere = CONFIG.model_copy(update={"locations_file": "places.csv"})
    assert prepare_source(source, elsewhere) is source
    with pytest.raises(ConfigError, match="prepared with other data settings"):
        prepare_source(source, CONFIG.model_copy(update={"lookback": 7}))


def test_raw_values_are_let_go(monkeypatch):
    alive = []
    original = module.read_series

    def watched(*arguments):
        series = original(*arguments)
        alive.append(weakref.ref(series.values.base))
        return series

    monkeypatch.setattr(module, "read_series", watched)
    source = prepare_source(SOURCE, CONFIG)
    gc.collect()
    assert alive[0]() is None
    assert source.windows.inputs.shape == (400, 24, 1)


def test_inputs_are_named_with_their_covariates(traffic):
    source = prepare(traffic, CONFIG.model_copy(update={"covariates": ("time_of_day",)}))
    assert source.input_names == ("speed", "time_of_day_sin", "time_of_day_cos")
    assert source.description.features == ("speed",)
    assert source.mean_window().shape == (24, 6, 3)


def test_calendar_and_season_are_found_from_the_train_split(hourly):
    source = prepare(hourly, CONFIG)
    assert source.calendar.columns[-1] == "weekend"
    assert (source.season.unit, source.season.slots, source.season.day_types) == ("day", 24, True)
    np.testing.assert_array_equal(source.windows.calendar, source.calendar.encode(hourly.times))
    few = prepare(hourly, CONFIG.model_copy(update={"split": (0.3, 0.3, 0.4)}))  # Monday to Friday
    assert few.calendar.columns == ("time_of_day_sin", "time_of_day_cos")
    assert not few.season.day_types


def test_without_time_stamps_there_is_neither_calendar_nor_season(hourly):
    plain = hourly.with_changes(times=None)
    source = prepare(plain, CONFIG)
    assert source.windows.calendar is None
    assert source.input_names == ("speed", "flow")
    assert source.season.size == 1
    daily = prepare(plain, CONFIG.model_copy(update={"season": 24}))
    assert (daily.season.unit, daily.season.slots) == ("steps", 24)
    with pytest.raises(DataError, match="need time stamps"):
        prepare(plain, CONFIG.model_copy(update={"covariates": ("day_of_week",)}))


def test_a_base_joins_and_leaves(seasonal, based):
    assert seasonal.windows.base is None
    assert based.windows.base is not None
    assert based.windows.inputs is seasonal.windows.inputs
    assert based.with_base(None).windows.base is None


def test_a_later_edition_can_be_read_by_the_rules_of_an_earlier_one(hourly):
    early = prepare(hourly, CONFIG.model_copy(update={"split": (0.3, 0.3, 0.4)}))
    late = prepare(hourly, CONFIG)
    assert late.with_rules(late.calendar, late.season) is late
    ruled = late.with_rules(early.calendar, early.season)
    assert ruled.input_names == early.input_names
    assert ruled.season == early.season
    np.testing.assert_array_equal(ruled.windows.calendar, early.windows.calendar)
    np.testing.assert_array_equal(ruled.windows.inputs, late.windows.inputs)
    plain = prepare(hourly.with_changes(times=None), CONFIG)
    with pytest.raises(DataError, match="has no time stamps"):
        plain.with_rules(early.calendar, early.season)
