import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, distill, evaluate
from stemdist_ray.baselines import craig
from stemdist_ray.baselines.craig import facilities
from stemdist_ray.baselines.method import MethodTask, run_method
from stemdist_ray.config import build_config
from tests.conftest import TINY


def distances(features):
    return np.linalg.norm(features[:, None] - features[None], axis=2)


def plainly(features, count):
    """Greedy without a queue."""
    centred = features - features.mean(axis=0)
    apart = distances(features)
    cost, chosen = np.full(len(features), 2 * np.linalg.norm(centred, axis=1).max()), []
    for _ in range(count):
        gains = np.maximum(cost[:, None] - apart, 0).sum(axis=0)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        cost = np.minimum(cost, apart[:, chosen[-1]])
    return chosen


def test_lazy_is_greedy(rng):
    features = rng.normal(size=(60, 4)).astype(np.float32)
    np.testing.assert_array_equal(facilities(features, 12), plainly(features, 12))
    assert sorted(facilities(features, 60)) == list(range(60))


def test_points_are_covered_better_than_by_chance(rng):
    features = rng.normal(size=(300, 5)).astype(np.float32)
    apart = distances(features)
    cost = apart[:, facilities(features, 15)].min(axis=1).sum()
    random = [apart[:, rng.choice(300, 15, replace=False)].min(axis=1).sum() for _ in range(20)]
    assert cost < 0.95 * min(random)


def test_equal_points_are_chosen_once_each():
    assert sorted(facilities(np.ones((5, 3), np.float32), 5)) == list(range(5))


def test_few_of_many_are_candidates(rng, monkeypatch):
    monkeypatch.setattr(craig, "CANDIDATES", 10)
    chosen = facilities(rng.normal(size=(100, 3)).astype(np.float32), 8)
    assert len(set(chosen)) == 8
    assert set(chosen) <= {*range(5, 100, 10)}


def test_weights_are_how_many_windows_each_stands_for(make_work):
    work = make_work("craig", spatial=0.4, temporal=0.1)
    made = run_method(work.real, MethodTask("m", work.config, "cpu"))
    weights = made.known.weights
    assert weights.shape == (work.num_windows,)
    assert weights.dtype == np.float64
    assert weights.mean() == pytest.approx(1.0)
    counts = weights * len(work.real.starts) / len(weights)
    np.testing.assert_allclose(counts, counts.round(), atol=1e-6)
    np.testing.assert_array_equal(made.clustering.loss_weights, made.clustering.cluster_size)


def test_weights_are_kept_and_used(tmp_path, traffic):
    short = {"evaluation": {"repeats": 1, "epochs": 1, "curve": ()}}
    config = build_config("demo", TINY, {"method": "craig", "rounds": 0, **short})
    data = distill(traffic, tmp_path / "c", config).dataset
    loaded = SyntheticDataset.load(tmp_path / "c")
    np.testing.assert_array_equal(loaded.known.weights, data.known.weights)
    assert len(np.unique(data.known.weights)) > 1
    table = evaluate(tmp_path / "c", traffic)
    assert np.isfinite(table.distilled.test.values["relative_rmse"]["mean"])
    again = distill(traffic, tmp_path / "c", config, resume=True).dataset
    np.testing.assert_array_equal(again.known.weights, data.known.weights)
