from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.errors import ConfigError, DataError
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.last_value import LastValue
from stemdist_ray.forecasters.closed_form.zero_shot import ADAPTERS, ZeroShot, find_adapter

HERE = __name__


def mean_of_recent(recent, horizon):
    """What a user may write."""
    mean = np.nanmean(recent, axis=1, keepdims=True)
    return np.repeat(mean, horizon, axis=1)


class Last:
    """The same as a class that is made once."""

    made = 0

    def __init__(self):
        Last.made += 1

    def __call__(self, recent, horizon):
        filled = np.zeros_like(recent[:, 0])
        for step in range(recent.shape[1]):
            filled = np.where(np.isnan(recent[:, step]), filled, recent[:, step])
        return np.repeat(filled[:, None], horizon, axis=1)


class Broken:
    def __init__(self):
        raise RuntimeError("no weights")


def of_another_shape(recent, horizon):
    return recent[:, :1]


def not_finite(recent, horizon):
    return np.full((len(recent), horizon, recent.shape[2]), np.nan)


def failing(recent, horizon):
    raise RuntimeError("out of order")


def refusing(recent, horizon):
    raise DataError("in its own words")


@pytest.fixture
def full(hourly):
    return prepare(hourly, DataConfig(lookback=6, horizon=4))


@pytest.fixture(autouse=True)
def found(monkeypatch):
    """Names of this file as a user's own module."""
    import sys

    monkeypatch.setitem(sys.modules, "mine", sys.modules[HERE])


def test_readings_are_shown_in_their_units(full, hourly):
    starts = full.starts["test"][[0, 9]]
    recent = ZeroShot(full, "mine:mean_of_recent").recent(starts)
    assert recent.shape == (2, 6, 12)
    for row, start in zip(recent, starts, strict=True):
        np.testing.assert_allclose(row, hourly.values[start : start + 6, :, 0], rtol=1e-5)


def test_more_of_the_past_where_it_is_asked_for(full, hourly):
    recent = ZeroShot(full, "mine:mean_of_recent", context=10).recent(np.array([1, 50]))
    assert np.isnan(recent[0, :3]).all()
    np.testing.assert_allclose(recent[0, 3:], hourly.values[:7, :, 0], rtol=1e-5)
    np.testing.assert_allclose(recent[1], hourly.values[46:56, :, 0], rtol=1e-5)


def test_of_what_was_not_seen_the_train_mean_is_shown(full):
    mask = full.windows.input_mask.copy()
    mask[40:46, 2] = False
    source = replace(full, windows=replace(full.windows, input_mask=mask))
    recent = ZeroShot(source, "mine:mean_of_recent").recent(np.array([40, 41]))
    np.testing.assert_allclose(recent[0, :, 2], full.scaler.mean[0], rtol=1e-6)
    assert np.isnan(recent[1, :5, 2]).all()
    assert recent[1, 5, 2] == recent[1, 5, 2] or not mask[46, 2, 0]


def test_a_users_forecaster_is_scored_like_any_other(traffic):
    source = prepare(traffic, DataConfig(lookback=6, horizon=4))
    windows = EvaluationWindows.of(source, source.starts["test"])
    scores = []
    for model in (ZeroShot(source, "mine:Last"), LastValue(source)):
        scores.append(windows.score(model.predict, model.windows_per_batch()).relative_rmse)
    assert Last.made == 1
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("magic", "unknown zero-shot forecaster 'magic'; expected one of: fracast"),
        ("nowhere:it", "'nowhere:it' cannot be loaded: No module named 'nowhere'; expected"),
        ("mine:it", "'mine:it' cannot be loaded: .*'it'"),
        ("mine:HERE", "expected a function of recent readings and horizon, found str"),
        ("mine:Broken", "'mine:Broken' cannot be made: .*no weights"),
    ],
)
def test_what_cannot_be_loaded_is_named(name, words):
    with pytest.raises(ConfigError, match=words):
        find_adapter(name)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("of_another_shape", ConfigError, r"shape \(2, 1, 12\); expected \(2, 4, 12\): windows"),
        ("not_finite", ConfigError, "gave 96 forecasts that are not finite; missing readings are"),
        ("failing", ConfigError, "'mine:failing' failed: .*out of order"),
        ("refusing", DataError, "in its own words"),
    ],
)
def test_what_answers_badly_is_named(full, name, kind, words):
    with pytest.raises(kind, match=words):
        ZeroShot(full, f"mine:{name}").predict(full.starts["test"][:2])


def test_packages_can_offer_one():
    assert ADAPTERS.group == "stemdist_ray.zero_shot"
    assert "fracast" in ADAPTERS
