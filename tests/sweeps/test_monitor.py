import pytest

from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.monitor import SweepMonitor, describe_point
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.tracking.base_class import NullTracker
from tests.sweeps.conftest import Lines

METRICS = {"round": 1.0, "error": 0.5, "bytes": 100.0, "seconds": 1.0}


class Tracker(NullTracker):
    def __init__(self, run):
        self.run, self.reference = run, f"run of {run.name}"
        self.metrics, self.status = [], None

    def log_metrics(self, metrics, step=None):
        self.metrics.append((step, dict(metrics)))

    def finish(self, status):
        self.status = status


@pytest.fixture
def opened():
    return []


@pytest.fixture
def monitor(tmp_path, opened):
    def open_tracker(run):
        opened.append(Tracker(run))
        return opened[-1]

    return SweepMonitor(
        SweepStore(tmp_path), Lines(), 3, 2, open_tracker, lambda p: {"all": 1}, "parent"
    )


def test_a_trial_from_start_to_end(monitor, opened):
    monitor.started("a", {"spatial_ratio": 0.123456})
    monitor.reported("a", METRICS)
    monitor.finished("a", rounds=1)
    assert monitor.reporter.lines[0] == "trial 1/3: started, spatial_ratio 0.1235"
    assert monitor.reporter.lines[1].startswith(
        "trial 1/3: finished, validation relative RMSE 0.5000; best 0.5000 (trial 1); about "
    )
    assert monitor.reporter.bar == [1, 3]
    (tracker,) = opened
    assert tracker.run.parent_run_id == "parent"
    assert tracker.run.params == {"all": 1}
    assert tracker.metrics[0][0] == 1
    assert tracker.metrics[0][1]["validation_relative_rmse"] == 0.5
    assert tracker.status == "FINISHED"
    (record,) = monitor.store.records()
    assert (record.status, record.run_id) == ("finished", "run of trial 1")


def test_stopped_early_and_failed(monitor, opened):
    for name in ("a", "b"):
        monitor.started(name, {})
    monitor.reported("a", METRICS)
    monitor.finished("a", rounds=10)
    monitor.failed("b", "it diverged")
    assert [r.status for r in monitor.store.records()] == ["stopped", "failed"]
    assert "stopped early after round 1" in monitor.reporter.lines[2]
    assert "failed: it diverged; best 0.5000 (trial 1)" in monitor.reporter.lines[3]
    assert [t.status for t in opened] == ["FINISHED", "FAILED"]


def test_going_on_keeps_number_and_run(monitor, opened):
    monitor.started("a", {})
    monitor.reported("a", METRICS)
    again = SweepMonitor(monitor.store, Lines(), 3, 2, monitor.open_tracker)
    again.started("a", {})
    assert again.reporter.lines == ["trial 1/3: goes on after round 1, "]
    assert opened[1].run.existing_run_id == "run of trial 1"
    again.close()
    assert opened[1].status == "KILLED"


def test_time_left(monitor):
    assert monitor.seconds_left() is None
    monitor.started("a", {})
    monitor.reported("a", METRICS)
    monitor.finished("a", rounds=1)
    monitor.durations = [60.0]
    assert monitor.seconds_left() == 60.0  # two trials left, two at a time
    monitor.planned = 1
    assert monitor.seconds_left() is None


def test_points_in_words():
    assert describe_point({"a": 0.00012349, "forecaster.name": "stid"}) == (
        "a 0.0001235, forecaster.name stid"
    )


def test_a_point_that_cannot_be_is_left_to_its_trial(tmp_path, opened):
    def params(point):
        raise ConfigError("dlinear has no option layers")

    monitor = SweepMonitor(
        SweepStore(tmp_path), Lines(), 1, 1, lambda run: opened.append(run) or NullTracker(), params
    )
    monitor.started("a", {"forecaster.options.layers": 2})
    assert opened[0].params == {"forecaster.options.layers": 2}
    monitor.failed("a", "dlinear has no option layers")
    assert monitor.store.records()[0].status == "failed"
