import math

import pytest
from mlflow.tracking import MlflowClient

from stemdist_ray.config import TrackingConfig
from stemdist_ray.tracking import mlflow as module
from stemdist_ray.tracking.base_class import NullTracker, RunDescription
from stemdist_ray.tracking.mlflow import MlflowTracker, create_tracker, tracking_uri
from tests.integration.ports import free_ports


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("my runs")


@pytest.fixture
def tracker(runs):
    return create_tracker(TrackingConfig(), runs)


def run_of(runs, tracker):
    client = MlflowClient(tracking_uri=tracking_uri(TrackingConfig(), runs))
    return client, client.get_run(tracker.run_id)


def test_everything_arrives(runs, tracker, tmp_path):
    params = {f"p{i}": i for i in range(150)} | {"long": "x" * 9000}
    dataset = {"name": "d", "digest": "a" * 32, "source": "demo", "profile": {"steps": 3}}
    tracker.start(RunDescription("first", params, {"git.commit": "abc"}, dataset))
    tracker.log_metrics({"loss": 2.0, "bad": math.nan}, 0)
    tracker.log_metrics({"loss": 1.0}, 1)
    (tmp_path / "a.txt").write_text("hello")
    tracker.log_artifact(tmp_path / "a.txt", "files")
    tracker.log_artifact(tmp_path, "folder")
    tracker.finish("FINISHED")
    client, run = run_of(runs, tracker)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert len(run.data.params) == 151
    assert run.data.tags["git.commit"] == "abc"
    assert "bad" not in run.data.metrics
    assert [m.value for m in client.get_metric_history(tracker.run_id, "loss")] == [2.0, 1.0]
    assert run.inputs.dataset_inputs[0].dataset.digest == "a" * 32
    names = {a.path for a in client.list_artifacts(tracker.run_id)}
    assert names == {"files", "folder"}
    assert (runs / "mlartifacts").exists()


def test_resume_goes_on_with_the_same_run(runs, tracker):
    tracker.start(RunDescription("again", {"a": 1}))
    tracker.finish("KILLED")
    second = create_tracker(TrackingConfig(), runs)
    second.start(RunDescription("again", {"a": 2}, existing_run_id=tracker.run_id))
    second.finish("FINISHED")
    assert second.run_id == tracker.run_id
    _, run = run_of(runs, second)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"a": "1"}


def test_child_runs(runs, tracker):
    tracker.start(RunDescription("parent"))
    child = create_tracker(TrackingConfig(), runs)
    child.start(RunDescription("child", parent_run_id=tracker.run_id))
    child.finish("FINISHED")
    tracker.finish("FINISHED")
    _, run = run_of(runs, child)
    assert run.data.tags["mlflow.parentRunId"] == tracker.run_id


def test_an_outage_is_reported_once_and_holds_nothing_up(monkeypatch, caplog):
    monkeypatch.setattr(module, "_RETRY_AFTER", math.inf)
    (port,) = free_ports(1)
    tracker = MlflowTracker(f"http://127.0.0.1:{port}", "x", None)
    tries, open_run = [], tracker._open_run
    monkeypatch.setattr(tracker, "_open_run", lambda run: (tries.append(run), open_run(run)))
    with caplog.at_level("WARNING"):
        tracker.start(RunDescription("lost", {"a": 1}))
        for step in range(50):
            tracker.log_metrics({"loss": 1.0}, step)
        tracker.finish("FINISHED")
    assert len(tries) == 2  # at the start and at the end, not with every record
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("stemdist_ray")]
    assert len(ours) == 2
    assert "cannot be written" in ours[0]
    assert "53 records were not delivered" in ours[1]
    assert tracker.run_id is None


def test_records_of_an_outage_are_delivered_later(runs, monkeypatch):
    tracker = create_tracker(TrackingConfig(), runs)
    real = tracker._open_run
    monkeypatch.setattr(tracker, "_open_run", lambda run: (_ for _ in ()).throw(OSError("down")))
    tracker.start(RunDescription("late", {"a": 1}))
    tracker.log_metrics({"loss": 1.0}, 3)
    tracker._queue[0] = lambda: real(RunDescription("late", {"a": 1}))
    tracker.finish("FINISHED")
    _, run = run_of(runs, tracker)
    assert run.data.metrics == {"loss": 1.0}
    assert run.info.status == "FINISHED"


def test_tracking_can_be_off(runs):
    assert isinstance(create_tracker(TrackingConfig(enabled=False), runs), NullTracker)


def test_which_store(monkeypatch, tmp_path):
    assert tracking_uri(TrackingConfig(), tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server")
    assert tracking_uri(TrackingConfig(), tmp_path) == "http://server"
    assert tracking_uri(TrackingConfig(uri="http://mine"), tmp_path) == "http://mine"
