import numpy as np
import pytest

from stemdist_ray.clustering.aggregate import cluster_series, without_gaps
from stemdist_ray.clustering.kmeans import cluster_locations, location_vectors
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.evaluation.compare import Comparison, Distilled
from stemdist_ray.evaluation.metrics import METRIC_NAMES
from stemdist_ray.progress import SilentReporter


@pytest.fixture
def comparison(prepared, tiny_config):
    starts = prepared.starts["train"]
    vectors = location_vectors(prepared.windows, starts)
    clustering = cluster_locations(vectors, 8, tiny_config.clustering, 0)
    batch = prepared.windows.batch(starts[::40], np.arange(8))
    return Comparison(
        data=prepared,
        distilled=Distilled(batch.x.numpy(), batch.y.numpy(), clustering),
        config=tiny_config.evaluation,
        forecaster=tiny_config.forecaster,
        seed=0,
        device="cpu",
        reporter=SilentReporter(),
    )


def test_every_row_has_the_same_budget_and_all_metrics(comparison):
    rows = [
        comparison.distilled_row(),
        comparison.random_subset_row(),
        comparison.centroid_row(),
        comparison.node_sampled_row(),
    ]
    assert {row.optimizer_steps for row in rows} == {2 * 4}
    assert {row.num_parameters for row in rows} == {rows[0].num_parameters}
    for row in rows:
        assert row.test.repeats == 2
        tree = row.to_json()
        assert set(METRIC_NAMES) <= set(tree)
        assert set(METRIC_NAMES) <= set(tree["validation"])
        assert all(np.isfinite(tree[m]["mean"]) for m in METRIC_NAMES)


def test_the_unlearned_start_as_distilled_data_gives_the_centroid_row(comparison, prepared):
    """Same data, same seeds, same budget: the same row."""
    clustering = comparison.distilled.clustering
    train = prepared.windows.head(prepared.train_steps)
    starts = prepared.starts["train"]
    chosen = starts[evenly_spaced(len(starts), len(comparison.distilled.x))]
    batch = without_gaps(cluster_series(train, clustering)).batch(chosen)
    comparison.distilled = Distilled(batch.x.numpy(), batch.y.numpy(), clustering)
    assert comparison.distilled_row().test == comparison.centroid_row().test


def test_rows_repeat(comparison):
    one, two = comparison.random_subset_row(), comparison.random_subset_row()
    assert one.test == two.test


def test_full_data_and_naive_rows(comparison):
    full = comparison.full_data_row()
    assert full.optimizer_steps >= 1
    naive = comparison.naive_rows()
    assert set(naive) == {"last_value", "historical_average", "ridge"}


def test_test_split_is_read_once_per_training_and_after_it(comparison, monkeypatch):
    seen = []
    original = type(comparison.test).errors

    def spy(self, predict, batch):
        seen.append("test" if self is comparison.test else "validation")
        return original(self, predict, batch)

    monkeypatch.setattr(type(comparison.test), "errors", spy)
    comparison.distilled_row()
    assert seen.count("test") == 2
    # Two looks for choosing the step, one at the whole validation split, then the test split.
    assert seen == ["validation", "validation", "validation", "test"] * 2
