import numpy as np
import pytest
import torch

from stemdist_ray.config import build_config
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.distillation.start import cluster_source, clustered_data, initial_state
from stemdist_ray.distillation.teacher import forecaster_teacher, teach
from stemdist_ray.evaluation import predict
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.closed_form.ridge import RidgeOnLags
from stemdist_ray.progress import SilentReporter
from tests.conftest import TINY


def prepared(series, config):
    data = prepare(series, config.data)
    clustered = clustered_data(data, cluster_source(config, data))
    return data, initial_state(config, data, clustered)


@pytest.fixture(scope="module")
def linear():
    """Waves of two periods: the next steps are an exact linear function of six lags."""
    steps, rng = np.arange(400)[:, None], np.random.default_rng(0)
    phase, size = rng.uniform(0, 6, (2, 24)), rng.uniform(0.5, 2, (2, 24))
    values = sum(a * np.sin(steps / p + b) for a, b, p in zip(size, phase, (5, 9), strict=True))
    return SpatioTemporalSeries(
        values=values[:, :, None].astype(np.float32),
        mask=None,
        location_ids=tuple(f"l{i}" for i in range(24)),
    )


def test_without_epochs_the_targets_stay_readings(traffic):
    config = build_config("demo", TINY, {"teacher": {"epochs": 0}})
    data, start = prepared(traffic, config)
    taught, scores = teach(config, data, start, SilentReporter())
    assert taught is start
    assert scores == {}


def test_best_teacher_labels(linear, tiny_config):
    data, start = prepared(linear, tiny_config)
    taught, scores = teach(tiny_config, data, start, SilentReporter())
    assert list(scores.values()) == sorted(scores.values())
    # Two epochs do not teach a network what ridge finds exactly.
    assert next(iter(scores)) == "ridge"
    assert scores["ridge"] < 0.05 < scores["mtgnn"]
    np.testing.assert_array_equal(taught.y, RidgeOnLags(data).forecast(start.x))
    np.testing.assert_array_equal(taught.x, start.x)


def test_teaching_is_repeatable_and_follows_the_seed(traffic, tiny_config):
    data, start = prepared(traffic, tiny_config)
    first, scores = teach(tiny_config, data, start, SilentReporter())
    again, _ = teach(tiny_config, data, start, SilentReporter())
    np.testing.assert_array_equal(first.y, again.y)
    other = tiny_config.model_copy(update={"seed": 1})
    _, others = teach(other, data, start, SilentReporter())
    assert others["mtgnn"] != scores["mtgnn"]
    assert others["ridge"] == scores["ridge"]
    assert np.abs(first.y - start.y).max() > 0.01


def test_teacher_forecasts_in_batches_without_dropout(rng, tiny_config, monkeypatch):
    torch.manual_seed(0)
    model = build_forecaster(tiny_config.forecaster, WindowShape(6, 4, 1))
    x = rng.standard_normal((5, 6, 7, 1)).astype(np.float32)
    mean_window = rng.standard_normal((7, 6, 1)).astype(np.float32)
    teacher = forecaster_teacher(model, "cpu")
    whole = teacher(x, mean_window)
    with torch.no_grad():
        expected = model(torch.tensor(x), torch.tensor(mean_window)).numpy()
    np.testing.assert_allclose(whole, expected, rtol=1e-5)
    monkeypatch.setattr(predict, "windows_per_batch", lambda model, locations: 2)
    np.testing.assert_allclose(teacher(x, mean_window), whole, rtol=1e-5, atol=1e-6)
