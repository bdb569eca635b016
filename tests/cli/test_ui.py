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
    return started


def test_mlflow_opens_the_store_of_the_folder(started, tmp_path):
    (tmp_path / "mlflow.db").touch()
    result = run("ui", tmp_path, "--host", "0.0.0.0", "--port", "1234")
    assert result.exit_code == 0, result.output
    ((path, command),) = started
    assert path == sys.executable
    text = " ".join(command)
    assert f"-m mlflow ui --backend-store-uri sqlite:///{tmp_path}/mlflow.db" in text
    assert "--host 0.0.0.0 --port 1234" in text
    assert "at http://0.0.0.0:1234 (Ctrl-C stops it)" in result.output


def test_another_store(started):
    assert run("ui", "--tracking-uri", "http://server").exit_code == 0
    assert "http://server" in started[0][1]


def test_no_store(started, tmp_path):
    check_refused(run("ui", tmp_path), "no tracking store")
    assert started == []
