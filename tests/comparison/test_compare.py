import dataclasses

import numpy as np

from stemdist_ray.baselines import ROWS, trained_rows
from stemdist_ray.baselines.centroid import centroids
from stemdist_ray.comparison.compare import Comparison
from stemdist_ray.evaluation.metrics import METRIC_NAMES


def test_every_row_has_the_same_budget_and_all_metrics(comparison):
    rows = comparison.train([row for row in trained_rows() if not row.on_request])
    assert list(rows) == ["distilled", "random_subset", "centroid", "node_sampled"]
    assert {row.optimizer_steps for row in rows.values()} == {2 * 4}
    assert len({row.num_parameters for row in rows.values()}) == 1
    for row in rows.values():
        assert row.test.repeats == 2
        tree = row.to_json()
        assert set(METRIC_NAMES) <= set(tree)
        assert set(METRIC_NAMES) <= set(tree["validation"])
        assert all(np.isfinite(tree[m]["mean"]) for m in METRIC_NAMES)


def test_the_unlearned_start_as_distilled_data_gives_the_centroid_row(comparison, material):
    """Same data, same seeds, same budget: the same row."""
    start = centroids(material, 0)
    same = dataclasses.replace(material, x=start.x.numpy(), y=start.y.numpy())
    other = Comparison(same, comparison.forecaster, comparison.seed, comparison.reporter)
    distilled, centroid = (other.train_row(ROWS.get(n)) for n in ("distilled", "centroid"))
    assert distilled.test == centroid.test


def test_rows_repeat(comparison):
    one, two = (comparison.train_row(ROWS.get("random_subset")) for _ in range(2))
    assert one.test == two.test


def test_full_data_and_rows_in_closed_form(comparison):
    full = comparison.train_row(ROWS.get("full_data"))
    assert full.optimizer_steps >= 1
    assert set(comparison.closed_form()) == {"last_value", "historical_average", "ridge"}


def test_test_split_is_read_once_per_training_and_after_it(comparison, monkeypatch):
    seen = []
    original = type(comparison.test).errors

    def spy(self, predict, batch):
        seen.append("test" if self is comparison.test else "validation")
        return original(self, predict, batch)

    monkeypatch.setattr(type(comparison.test), "errors", spy)
    comparison.train_row(ROWS.get("distilled"))
    assert seen.count("test") == 2
    # Twice for choosing the epoch, once on the whole validation split, then the test split.
    assert seen == ["validation", "validation", "validation", "test"] * 2
