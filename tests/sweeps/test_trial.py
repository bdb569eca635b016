import numpy as np
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.distillation.start import cluster_source
from stemdist_ray.errors import StemdistError
from stemdist_ray.sweeps import trial
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.trial import distill_point, stored_clusterings


def test_a_trial_reports_every_round_and_leaves_a_data_set(shared):
    said = []
    distill_point({"spatial_ratio": 0.25}, "a", shared, said.append)
    data = SyntheticDataset.load(shared.folder / "trials" / "a")
    assert [m["round"] for m in said] == [0, 1, 2]
    assert said[-1]["locations"] == data.x.shape[2] == 6
    assert said[-1]["bytes"] == data.x.nbytes + data.y.nbytes
    assert said[-1]["error"] == min(m["error"] for m in said)
    assert said[-1]["train_seconds"] > 0


def test_a_trial_whose_process_was_lost_goes_on(shared):
    class LostError(Exception):
        pass

    def die_after_round_one(metrics):
        if metrics["round"] == 1:
            raise LostError

    with pytest.raises(LostError):
        distill_point({"spatial_ratio": 0.25}, "a", shared, die_after_round_one)
    said = []
    distill_point({"spatial_ratio": 0.25}, "a", shared, said.append)
    assert [m["round"] for m in said] == [2]
    distill_point({"spatial_ratio": 0.25}, "b", shared, lambda m: None)
    one, other = (SyntheticDataset.load(shared.folder / "trials" / n) for n in "ab")
    np.testing.assert_array_equal(one.x, other.x)
    again = []
    distill_point({"spatial_ratio": 0.25}, "a", shared, again.append)
    assert [m["round"] for m in again] == [2]  # nothing left to do, and said so


def test_what_cannot_succeed_is_not_tried_twice(shared, monkeypatch):
    point = {"matching.learning_rate": 1e30}
    with pytest.raises(StemdistError, match="non-finite"):
        distill_point(point, "a", shared, lambda m: None)
    assert "non-finite" in SweepStore(shared.folder).failure("a").read_text()
    monkeypatch.setattr(trial, "distill", None)
    with pytest.raises(StemdistError, match="non-finite"):
        distill_point(point, "a", shared, lambda m: None)


def test_clusterings_are_shared_by_trials_of_one_size(shared, tmp_path, monkeypatch):
    cluster, source = stored_clusterings(tmp_path / "c"), shared.source
    config = shared.settings({"spatial_ratio": 0.25})
    fresh = cluster(config, source)
    calls = []
    monkeypatch.setattr(trial, "cluster_source", lambda *a: calls.append(a) or cluster_source(*a))
    stored = cluster(config, source)
    assert calls == []
    np.testing.assert_array_equal(stored.assignment, fresh.assignment)
    np.testing.assert_array_equal(stored.cluster_size, fresh.cluster_size)
    assert stored.inertia == fresh.inertia
    cluster(shared.settings({"spatial_ratio": 0.3}), source)
    cluster(shared.settings({"spatial_ratio": 0.25, "seed": 1}), source)
    assert len(calls) == 2
