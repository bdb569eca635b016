from stemdist_ray.config import TrackingConfig
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.mlflow import run_tracker
from tests.cli.conftest import check_refused, run
from tests.integration.ports import free_ports


def test_what_waits_is_delivered(tmp_path):
    (port,) = free_ports(1)
    (tmp_path / "run").mkdir()
    tracker = run_tracker(TrackingConfig(uri=f"http://127.0.0.1:{port}"), tmp_path / "run")
    tracker.start(RunDescription("lost"))
    tracker.finish("FINISHED")
    result = run("sync", tmp_path)
    assert "1 runs are still going on" in result.stdout
    tracker._journal._close()  # its process ends
    check_refused(run("sync", tmp_path), "cannot be written")
    result = run("sync", tmp_path, "--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db")
    assert result.exit_code == 0, result.output
    assert "delivered 2 records of 1 runs" in result.stdout
    assert "nothing waits in" in run("sync", tmp_path).stdout


def test_no_folder(tmp_path):
    check_refused(run("sync", tmp_path / "none"), "is no folder")
