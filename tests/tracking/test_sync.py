import pytest
from mlflow.tracking import MlflowClient

from stemdist_ray.config import TrackingConfig
from stemdist_ray.errors import ArtifactError, ConfigError, ExecutionError
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.mlflow import run_tracker
from stemdist_ray.tracking.sync import Delivered, sync
from tests.integration.ports import free_ports


@pytest.fixture
def dead():
    (port,) = free_ports(1)
    return f"http://me:Hunter2Hunter2@127.0.0.1:{port}"


def lost(folder, uri, **more):
    """A run that ended while its server was away; as if its process were gone."""
    folder.mkdir(parents=True)
    tracker = run_tracker(TrackingConfig(uri=uri), folder)
    tracker.start(RunDescription(folder.name, {"a": 1}, **more))
    tracker.log_metrics({"loss": 2.0}, 0)
    (folder / "a.txt").write_text("hello")
    tracker.log_artifact(folder / "a.txt", "files")
    tracker.finish("FINISHED")
    tracker._journal._close()
    return tracker


def test_what_waits_is_delivered_once(tmp_path, dead):
    parent = lost(tmp_path / "parent", dead)
    lost(tmp_path / "child", dead, parent_run_id=parent.reference)
    (tmp_path / "child" / "a.txt").unlink()
    lines, uri = [], f"sqlite:///{tmp_path}/mlflow.db"
    done = sync(tmp_path, uri, lines.append)
    assert (done.records, done.runs, done.alive) == (7, 2, 0)
    assert done.refused == (f"{tmp_path}/child/a.txt is not there any more",)
    assert lines == [f"4 records of {tmp_path}/parent", f"4 records of {tmp_path}/child"]
    assert sync(tmp_path, uri) == Delivered(0, 0, (), 0)
    assert not list(tmp_path.rglob("undelivered"))
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("stemdist").experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert set(by_name) == {"parent", "child"}
    first = by_name["parent"]
    assert by_name["child"].data.tags["mlflow.parentRunId"] == first.info.run_id
    assert (first.info.status, first.data.metrics, first.data.params) == (
        "FINISHED", {"loss": 2.0}, {"a": "1"},
    )  # fmt: skip
    assert first.info.end_time - first.info.start_time < 60_000  # of the run, not of its delivery
    assert [a.path for a in client.list_artifacts(first.info.run_id, "files")] == ["files/a.txt"]


def test_a_store_that_is_still_away(tmp_path, dead):
    lost(tmp_path / "run", dead)
    with pytest.raises(ExecutionError) as error:
        sync(tmp_path)
    assert "Hunter2" not in str(error.value)
    assert "4 records of" in str(error.value)
    assert "go on waiting" in str(error.value)
    with pytest.raises(ExecutionError):
        sync(tmp_path)


def test_a_password_that_is_not_known(tmp_path, dead, monkeypatch):
    lost(tmp_path / "run", dead)
    monkeypatch.setattr("stemdist_ray.config.secrets._known", {})
    with pytest.raises(ConfigError, match="passwords are not stored"):
        sync(tmp_path)


def test_runs_that_are_alive_deliver_for_themselves(tmp_path, dead):
    tracker = run_tracker(TrackingConfig(uri=dead), tmp_path)
    tracker.start(RunDescription("alive"))
    assert sync(tmp_path) == Delivered(0, 0, (), 1)


def test_no_folder(tmp_path):
    with pytest.raises(ArtifactError, match="is no folder"):
        sync(tmp_path / "none")
