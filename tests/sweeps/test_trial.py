import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, distill
from stemdist_ray.distillation import teacher
from stemdist_ray.distillation.start import cluster_by_task
from stemdist_ray.distillation.teacher import train_member
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.errors import StemdistError
from stemdist_ray.execution.serial import SerialExecutor
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
    executor = SerialExecutor(real_data(source, config))
    fresh = cluster(config, source, executor)
    calls = []
    monkeypatch.setattr(trial, "cluster_by_task", lambda *a: calls.append(a) or cluster_by_task(*a))
    stored = cluster(config, source, executor)
    assert calls == []
    np.testing.assert_array_equal(stored.assignment, fresh.assignment)
    np.testing.assert_array_equal(stored.cluster_size, fresh.cluster_size)
    assert stored.inertia == fresh.inertia
    cluster(shared.settings({"spatial_ratio": 0.3}), source, executor)
    cluster(shared.settings({"spatial_ratio": 0.25, "seed": 1}), source, executor)
    assert len(calls) == 2


def test_trials_share_one_teacher(shared, monkeypatch):
    """Trained by the first trial of its settings; the data are those of a trial by itself."""
    trained = []

    def noted(real, task):
        trained.append(task.config.seed)
        return train_member(real, task)

    monkeypatch.setattr(teacher, "train_member", noted)
    points = {
        "a": {"spatial_ratio": 0.25},
        "b": {"spatial_ratio": 0.4, "matching.learning_rate": 0.01},
        "c": {"spatial_ratio": 0.25, "seed": 1},
    }
    for name, point in points.items():
        distill_point(point, name, shared, lambda m: None)
    assert trained == [0, 1]
    assert len(list(SweepStore(shared.folder).teachers.glob("*/0.member"))) == 2
    settings = shared.settings(points["b"])
    alone = distill(shared.source, shared.folder / "alone", settings).dataset
    shared_one = SyntheticDataset.load(shared.folder / "trials" / "b")
    np.testing.assert_array_equal(shared_one.x, alone.x)
    np.testing.assert_array_equal(shared_one.y, alone.y)
    assert shared_one.manifest.result.teachers == alone.manifest.result.teachers
