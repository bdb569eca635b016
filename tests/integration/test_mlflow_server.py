"""A real MLflow server with PostgreSQL behind it and a password in front, as infra/ starts it."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from stemdist_ray.sweeps.sweep import search
from tests.conftest import ROOT
from tests.integration.ports import free_ports
from tests.sweeps.conftest import small_series, sweep_config

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1200)]

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def wait_for(condition):
    while not condition():
        time.sleep(0.5)


@dataclass(frozen=True)
class Postgres:
    """Where the data base answers."""

    port: str
    password_file: Path


@pytest.fixture
def postgres():
    """A PostgreSQL of its own, with the user and database of infra/mlflow-server.sh."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    port = str(free_ports(1)[0])
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
        [binaries / "postgres", "-D", home / "data", "-k", home, "-p", port,
         "-c", "listen_addresses=127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp", **user,
    )  # fmt: skip
    there = ["-h", "127.0.0.1", "-p", port]

    def answers():
        assert server.poll() is None
        ready = [binaries / "pg_isready", *there]
        return subprocess.run(ready, capture_output=True, check=False).returncode == 0

    try:
        wait_for(answers)
        subprocess.run(
            [binaries / "createdb", *there, "-U", "mlflow", "mlflow"],
            check=True, env={**os.environ, "PGPASSWORD": password.read_text()},
        )  # fmt: skip
        yield Postgres(port, password)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
        shutil.rmtree(home, ignore_errors=True)


def script_for(folder, ports):
    """infra/mlflow-server.sh with other ports and a folder of its own for what it writes."""
    text = (ROOT / "infra" / "mlflow-server.sh").read_text()
    changes = {"/tmp/basic_auth.ini": f"{folder}/basic_auth.ini", **ports}
    for shipped, ours in changes.items():
        assert shipped in text, shipped
        text = text.replace(shipped, ours)
    path = folder / "mlflow-server.sh"
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def mlflow_server(postgres, tmp_path):
    (tmp_path / "admin").write_text("a long password of the admin")
    (tmp_path / "jobs").write_text("a long password of the jobs")
    (tmp_path / "key").write_text("k" * 32)
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PASSWORD_FILE": str(postgres.password_file),
        "MLFLOW_ADMIN_PASSWORD_FILE": str(tmp_path / "admin"),
        "MLFLOW_JOBS_PASSWORD_FILE": str(tmp_path / "jobs"),
        "MLFLOW_SECRET_KEY_FILE": str(tmp_path / "key"),
        "MLFLOW_ALLOWED_HOSTS": f"localhost:{port},127.0.0.1:{port}",
        "ARTIFACTS": str(tmp_path / "artifacts"),
    }
    ports = {":5432/": f":{postgres.port}/", "--port 5000": f"--port {port}"}
    script = script_for(tmp_path, ports)
    log = (tmp_path / "mlflow.log").open("w")
    process = subprocess.Popen(
        [script], env=environment, stdout=log, stderr=log, start_new_session=True, cwd=tmp_path
    )
    address = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None, (tmp_path / "mlflow.log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as page:
                return page.status == 200
        except OSError:
            return False

    try:
        wait_for(answers)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        log.close()


@pytest.mark.usefixtures("local_ray")
def test_a_sweep_on_a_real_server(mlflow_server, tmp_path, monkeypatch):
    api = f"{mlflow_server}/api/2.0/mlflow/experiments/search?max_results=5"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(api, timeout=10)
    assert refused.value.code == 401
    refused.value.close()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "jobs")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a long password of the jobs")
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


def password_of(user):
    return f"a long password of the {user}"


def log_in(monkeypatch, user):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password_of(user))


def ask_about_users(server, user, method, call, **fields):
    """HTTP status of one call of MLflow's API for users."""
    key = base64.b64encode(f"{user}:{password_of(user)}".encode()).decode()
    request = urllib.request.Request(
        f"{server}/api/2.0/mlflow/users/{call}", json.dumps(fields).encode() if fields else None,
        {"Authorization": f"Basic {key}", "Content-Type": "application/json"}, method=method,
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_jobs_write_to_their_own_experiments_only(mlflow_server, tmp_path, monkeypatch):
    """A user of MLflow's own for jobs writes and reads, artifacts too, and manages nobody."""
    import mlflow

    client = mlflow.MlflowClient(mlflow_server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    log_in(monkeypatch, "admin")
    foreign = client.create_experiment("of somebody else")
    assert ask_about_users(mlflow_server, "admin", "GET", "get?username=jobs") == 200
    log_in(monkeypatch, "jobs")
    own = client.create_experiment("of the jobs")
    run = client.create_run(own).info.run_id
    client.log_metric(run, "mse", 0.5)
    client.log_text(run, "written by a job", "note.txt")
    artifacts = client.get_run(run).info.artifact_uri
    assert artifacts.startswith("mlflow-artifacts:")
    assert "note.txt" in {p.name for p in (tmp_path / "artifacts").rglob("*")}
    assert mlflow.artifacts.load_text(f"{artifacts}/note.txt") == "written by a job"
    assert client.get_experiment(foreign).name == "of somebody else"
    for forbidden in (client.delete_experiment, client.create_run):
        with pytest.raises(mlflow.exceptions.MlflowException, match=r"403|[Pp]ermission"):
            forbidden(foreign)
    new = {"username": "another", "password": "a long password of another"}
    for method, call, fields in (
        ("POST", "create", new),
        ("PATCH", "update-admin", {"username": "jobs", "is_admin": True}),
        ("PATCH", "update-password", {"username": "admin", "password": "a long password"}),
    ):
        assert ask_about_users(mlflow_server, "jobs", method, call, **fields) == 403, call
