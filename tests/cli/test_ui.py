import os
import sys

import pytest

from tests.cli.conftest import check_refused, run


@pytest.fixture
def started(monkeypatch):
    """The processes that would take the place of this one."""
    started = []
    monkeypatch.setattr(os, "execv", lambda path, command: started.append((path, command)))
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "")
    return started


def test_mlflow_opens_the_store_of_the_folder(started, tmp_path):
    (tmp_path / "mlflow.db").touch()
    result = run("ui", tmp_path, "--host", "127.0.0.2", "--port", "1234")
    assert result.exit_code == 0, result.output
    ((path, command),) = started
    assert path == sys.executable
    text = " ".join(command)
    assert "-m mlflow ui --host 127.0.0.2 --port 1234" in text
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert "at http://127.0.0.2:1234 (Ctrl-C stops it)" in result.output


def test_another_store(started):
    assert run("ui", "--tracking-uri", "http://server").exit_code == 0
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == "http://server"


def test_passwords_are_no_arguments(started):
    result = run("ui", "--tracking-uri", "postgresql://me:Hunter2Hunter2@db/mlflow")
    assert "Hunter2" not in result.output + " ".join(started[0][1])
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == "postgresql://me:Hunter2Hunter2@db/mlflow"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "my-machine"])
def test_runs_are_not_shown_to_everybody(started, tmp_path, host):
    (tmp_path / "mlflow.db").touch()
    check_refused(run("ui", tmp_path, "--host", host), f"--host is {host}, and whoever")
    assert started == []


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_other_names_of_this_machine(started, tmp_path, host):
    (tmp_path / "mlflow.db").touch()
    assert run("ui", tmp_path, "--host", host).exit_code == 0


def test_no_store(started, tmp_path):
    check_refused(run("ui", tmp_path), "no tracking store")
    assert started == []
