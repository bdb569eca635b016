import numpy as np
import pytest
import torch

from stemdist_ray.config import DataConfig, ForecasterConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from stemdist_ray.evaluation.predict import (
    EvaluationWindows,
    batches,
    score_forecaster,
    windows_per_batch,
)
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from tests.conftest import TINY


def test_a_perfect_forecast_has_no_error(prepared):
    windows = EvaluationWindows.of(prepared, prepared.starts["test"])
    metrics = windows.score(lambda starts: prepared.windows.batch(starts).y.numpy(), 7)
    assert metrics.rmse == 0
    assert metrics.relative_rmse == 0


def test_the_batch_size_does_not_matter(prepared):
    windows = EvaluationWindows.of(prepared, prepared.starts["val"])
    scores = [
        windows.score(lambda s: prepared.windows.batch(s).y.numpy() + 1, size)
        for size in (1, 9, 99)
    ]
    assert scores[0].mae == pytest.approx(scores[1].mae) == pytest.approx(scores[2].mae)


def test_errors_are_in_original_units(prepared):
    windows = EvaluationWindows.of(prepared, prepared.starts["val"])
    metrics = windows.score(lambda s: prepared.windows.batch(s).y.numpy() + 1, 9)
    assert metrics.mae == pytest.approx(prepared.scaler.std[0], rel=1e-4)


def test_scoring_a_forecaster_is_deterministic_and_leaves_it_in_eval_mode(prepared):
    torch.manual_seed(0)
    config = ForecasterConfig(**TINY["forecaster"])
    model = build_forecaster(config, WindowShape.of(prepared.windows)).train()
    windows = EvaluationWindows.of(prepared, prepared.starts["val"])
    one, two = (score_forecaster(model, windows, prepared.mean_window()) for _ in range(2))
    assert one == two
    assert not model.training


def test_batches_cover_everything():
    starts = np.arange(10)
    np.testing.assert_array_equal(np.concatenate(list(batches(starts, 4))), starts)


def test_a_batch_holds_at_least_one_window():
    model = build_forecaster(ForecasterConfig(), WindowShape(12, 12, 1))
    assert windows_per_batch(model, 8600, 1) == 1
    few, many = (windows_per_batch(model, 100, budget) for budget in (2**24, 2**26))
    assert 1 < few < many


def test_compact_windows_give_the_same_score_without_the_rest_of_the_series():
    gappy = simulate_traffic(TrafficParameters(locations=8, steps=300, missing=0.1))
    data = prepare(gappy, DataConfig(lookback=6, horizon=4))
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(**TINY["forecaster"]), WindowShape.of(data.windows))
    windows = EvaluationWindows.of(data, data.starts["val"][::5])
    compact = windows.compact()
    assert len(compact.windows.inputs) == 10 * len(windows.starts)
    one, two = (score_forecaster(model, w, data.mean_window()) for w in (windows, compact))
    assert one == two


def test_forecasts_are_added_to_the_base(based):
    torch.manual_seed(0)
    alone = WindowShape.of(based.with_base(None).windows)  # a network that is not zero at first
    model = build_forecaster(ForecasterConfig(**TINY["forecaster"]), alone).eval()
    windows, mean_window = EvaluationWindows.of(based, based.starts["val"]), based.mean_window()

    def predict(starts):
        batch = based.windows.batch(starts)
        with torch.no_grad():
            return (model(batch.x, torch.tensor(mean_window)) + batch.base).numpy()

    found = score_forecaster(model, windows, mean_window)
    assert found.rmse == pytest.approx(windows.score(predict, 99).rmse, rel=1e-6)
    without = score_forecaster(model, windows.with_base(None), mean_window)
    assert without.rmse != pytest.approx(found.rmse, rel=1e-3)


def test_compact_windows_keep_their_base_and_calendar(based):
    windows = EvaluationWindows.of(based, based.starts["val"][::7])
    compact = windows.compact()
    one, two = (w.windows.batch(w.starts) for w in (windows, compact))
    assert torch.equal(one.x, two.x)
    torch.testing.assert_close(one.base, two.base)
    assert windows.statistics == compact.statistics
