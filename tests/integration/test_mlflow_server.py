"""A real MLflow server with PostgreSQL behind it and a password in front, as infra/ starts it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from stemdist_ray.sweeps.sweep import search
from tests.conftest import ROOT
from tests.sweeps.conftest import small_series, sweep_config

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
POSTGRES_PORT, MLFLOW_PORT = "5432", "5000"


def free(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) != 0


@pytest.fixture
def postgres(tmp_path):
    """A PostgreSQL of its own, with the user and database of infra/mlflow-server.sh."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    if not (free(POSTGRES_PORT) and free(MLFLOW_PORT)):
        pytest.skip("ports 5432 and 5000 are taken")
    user = {"user": "nobody"} if os.getuid() == 0 else {}  # PostgreSQL refuses to run as root
    home = Path("/tmp") / f"postgres-{os.getpid()}"
    home.mkdir()
    if user:
        shutil.chown(home, "nobody")
    password = home / "password"
    password.write_text("secret-of-the-test")
    password.chmod(0o644)
    binaries = BINARIES[-1]
    subprocess.run(
        [binaries / "initdb", "-D", home / "data", "-U", "mlflow", "-A", "scram-sha-256",
         f"--pwfile={password}"],
        check=True, capture_output=True, cwd="/tmp", **user,
    )  # fmt: skip
    server = subprocess.Popen(
        [binaries / "postgres", "-D", home / "data", "-k", home, "-p", POSTGRES_PORT,
         "-c", "listen_addresses=127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp", **user,
    )  # fmt: skip
    ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", POSTGRES_PORT]
    wait_for(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
    subprocess.run(
        [binaries / "createdb", "-h", "127.0.0.1", "-U", "mlflow", "mlflow"],
        check=True, env={**os.environ, "PGPASSWORD": password.read_text()},
    )  # fmt: skip
    yield password
    server.send_signal(signal.SIGINT)
    server.wait(timeout=30)
    shutil.rmtree(home, ignore_errors=True)


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture
def mlflow_server(postgres, tmp_path):
    (tmp_path / "admin").write_text("a long password of the admin")
    (tmp_path / "key").write_text("k" * 32)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PASSWORD_FILE": str(postgres),
        "MLFLOW_ADMIN_PASSWORD_FILE": str(tmp_path / "admin"),
        "MLFLOW_SECRET_KEY_FILE": str(tmp_path / "key"),
        "MLFLOW_ALLOWED_HOSTS": "localhost:5000,127.0.0.1:5000",
        "ARTIFACTS": str(tmp_path / "artifacts"),
    }
    log = (tmp_path / "mlflow.log").open("w")
    process = subprocess.Popen(
        [ROOT / "infra" / "mlflow-server.sh"], env=environment, stdout=log, stderr=log,
        start_new_session=True, cwd=tmp_path,
    )  # fmt: skip

    def answers():
        assert process.poll() is None, (tmp_path / "mlflow.log").read_text()[-3000:]
        try:
            return urllib.request.urlopen("http://127.0.0.1:5000/health", timeout=5).status == 200
        except OSError:
            return False

    wait_for(answers)
    yield "http://127.0.0.1:5000"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=60)
    log.close()


@pytest.mark.usefixtures("local_ray")
def test_a_sweep_on_a_real_server(mlflow_server, tmp_path, monkeypatch):
    api = f"{mlflow_server}/api/2.0/mlflow/experiments/search?max_results=5"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(api, timeout=10)
    assert refused.value.code == 401
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password of the admin")
    config = sweep_config()
    tracked = {**config.config, "tracking": {"uri": mlflow_server, "experiment": "on a server"}}
    config = config.model_copy(update={"config": tracked})
    result = search(small_series(), tmp_path / "sweep", config)

    import mlflow

    client = mlflow.MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("on a server").experiment_id
    runs = {r.info.run_id: r for r in client.search_runs([experiment])}
    assert len(runs) == 5
    children = [r for r in runs.values() if "mlflow.parentRunId" in r.data.tags]
    assert {r.data.tags["mlflow.parentRunId"] for r in children} == {result.run_id}
    assert sorted(r.info.status for r in children) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    names = {a.path for a in client.list_artifacts(result.run_id)}
    assert {"best", "report.html", "pareto.csv"} <= names
    page = mlflow.artifacts.download_artifacts(
        run_id=result.run_id, artifact_path="report.html", tracking_uri=mlflow_server
    )
    assert "were tried" in Path(page).read_text()
