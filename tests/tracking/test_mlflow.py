import math

import pytest
from mlflow.tracking import MlflowClient

from stemdist_ray.config import TrackingConfig
from stemdist_ray.tracking.base_class import NullTracker, RunDescription
from stemdist_ray.tracking.delivery import Refused
from stemdist_ray.tracking.journal import Address, Record
from stemdist_ray.tracking.mlflow import (
    REFERENCE,
    MlflowStore,
    create_tracker,
    run_tracker,
    tracking_uri,
)
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


def test_a_dead_server_holds_nothing_up(tmp_path, caplog):
    (port,) = free_ports(1)
    uri = f"http://me:Hunter2Hunter2@127.0.0.1:{port}"
    tracker = run_tracker(TrackingConfig(uri=uri), tmp_path / "run")
    with caplog.at_level("WARNING"):
        tracker.start(RunDescription("lost", {"a": 1}))
        for step in range(50):
            tracker.log_metrics({"loss": 1.0}, step)
        tracker.finish("FINISHED")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("stemdist_ray")]
    assert len(ours) == 2
    assert f"MLflow at http://me:***@127.0.0.1:{port} cannot be written" in ours[0]
    assert "52 records wait; deliver them with: stemdist sync" in ours[1]
    assert tracker.run_id is None


def refused(store, call, **data):
    with pytest.raises(Refused) as error:
        store.deliver(Record("ref-1", call, data), again=True)
    return str(error.value)


def test_what_mlflow_will_never_take_is_told_apart_from_an_outage(runs, tmp_path):
    store = MlflowStore(Address(tracking_uri(TrackingConfig(), runs), "stemdist"))
    assert "run ref-1 was never begun" in refused(store, "metrics", values={}, when=1, step=0)
    start = {"name": "x", "tags": {}, "params": {"a": "1"}, "dataset": {}, "when": 1,
             "parent_run_id": None, "existing_run_id": None}  # fmt: skip
    store.deliver(Record("ref-1", "start", start), again=False)
    assert "is not there any more" in refused(store, "artifact", path="/none", folder="")
    assert "Changing param values" in refused(store, "start", **{**start, "params": {"a": "2"}})


def test_a_run_that_got_through_is_begun_once(runs):
    uri = tracking_uri(TrackingConfig(), runs)
    start = {"name": "x", "tags": {}, "params": {"a": "1"}, "dataset": {}, "when": 1,
             "parent_run_id": None, "existing_run_id": None}  # fmt: skip
    record = Record("ref-once", "start", start)
    for again in (False, True, True):
        store = MlflowStore(Address(uri, "stemdist"))
        store.deliver(record, again)
    values = {"values": {"loss": 1.0}, "when": 5, "step": 0}
    for _ in range(2):
        store.deliver(Record("ref-once", "metrics", values), again=True)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("stemdist").experiment_id
    named = f"tags.`{REFERENCE}` = 'ref-once'"
    (run,) = client.search_runs([experiment], named)
    assert run.info.run_id == store.run_id("ref-once")
    assert run.info.start_time == 1
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1
    with pytest.raises(Refused, match="never begun"):
        store.deliver(Record("ref-' or '", "metrics", values), again=True)


def test_tracking_can_be_off(runs):
    assert isinstance(create_tracker(TrackingConfig(enabled=False), runs), NullTracker)


def test_which_store(monkeypatch, tmp_path):
    assert tracking_uri(TrackingConfig(), tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server")
    assert tracking_uri(TrackingConfig(), tmp_path) == "http://server"
    assert tracking_uri(TrackingConfig(uri="http://mine"), tmp_path) == "http://mine"
