"""A password by every way in, and no trace of it in anything that is written or printed."""

import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, TINY

MARK = "Hunter2Hunter2"
STEMDIST = str(Path(sys.executable).parent / "stemdist")
SOURCE = "sim:traffic?locations=24,steps=400,seed=3"

pytestmark = pytest.mark.timeout(900)


class Failing(BaseHTTPRequestHandler):
    """Looks well, and fails at every request; so MLflow's errors are seen, which name the URI."""

    def do_GET(self):
        self.send_response(200 if self.path.endswith("/health") else 500)
        self.end_headers()
        self.wfile.write(f"no {self.path}".encode())

    do_POST = do_PUT = do_GET

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def uri():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://me:{MARK}@127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def place():
    """A folder with a short name: Ray keeps sockets below it."""
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def run(place, *command, code=0, **environment):
    (place / "tmp").mkdir(exist_ok=True)
    known = {k: v for k, v in os.environ.items() if k not in ("RAY_AUTH_MODE", "RAY_ADDRESS")}
    place_of_files = {"TMPDIR": str(place / "tmp"), "RAY_TMPDIR": str(place / "tmp")}
    known |= {"PYTHONPATH": str(ROOT), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **place_of_files}
    done = subprocess.run(
        [sys.executable, *command] if command[0].endswith(".py") else [STEMDIST, *command],
        cwd=place, env=known | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-2000:]
    assert MARK not in done.stdout + done.stderr
    return done


def check_files(place):
    files = [path for path in place.rglob("*") if path.is_file()]
    assert [path for path in files if MARK.encode() in path.read_bytes()] == []
    return files


def settings(**more):
    return {**{k: v for k, v in TINY.items() if k != "tracking"}, **more}


@pytest.mark.slow  # some ten processes
def test_by_flag_through_a_whole_life(place, uri, tmp_path):
    (place / "c.yaml").write_text(yaml.safe_dump(settings()))
    flag = ("--tracking-uri", uri)
    done = run(place, "distill", SOURCE, "--out", "run", "--config", "c.yaml", *flag)
    assert "http://me:***@127.0.0.1" in done.stderr
    assert "wait; deliver them with: stemdist sync" in done.stderr
    assert "***" in (place / "run" / "manifest.json").read_text()
    refused = run(place, "evaluate", "run", SOURCE, code=2)  # the password is not known any more
    assert "passwords are not stored" in refused.stderr
    assert "is not kept in MLflow" in run(place, "report", "run").stderr
    run(place, "report", "run", MLFLOW_TRACKING_URI=uri)
    run(place, "sync", ".", *flag, code=2)
    run(place, "sync", ".", code=2)
    files = check_files(place)
    assert {"report.html", "manifest.json", "tracking.json"} <= {path.name for path in files}
    assert any(path.suffix == ".jsonl" for path in files)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["set", "file", "job file", "environment and workers"])
def test_by_other_ways(place, uri, tmp_path, way):
    (place / "c.yaml").write_text(yaml.safe_dump(settings()))
    own = tmp_path / "secret.yaml"  # what the user wrote
    tree = settings(tracking={"uri": uri})
    command, environment = ["distill", SOURCE, "--out", "run"], {}
    if way == "set":
        command += ["--config", "c.yaml", "--set", f"tracking.uri={uri}"]
    elif way == "file":
        own.write_text(yaml.safe_dump(tree))
        command += ["--config", str(own)]
    elif way == "job file":
        job = {"source": SOURCE, "out": "run", "preset": "demo", "config": tree}
        own.write_text(yaml.safe_dump(job))
        command = [str(ROOT / "jobs" / "distill.py"), "--config", str(own)]
    else:
        command += ["--config", "c.yaml", "--set", "worker.num_workers=1"]
        environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_TRACKING_PASSWORD": MARK}
    run(place, *command, **environment)
    files = check_files(place)
    if environment:
        assert any("session_" in str(path) and path.suffix in (".log", ".out") for path in files)


@pytest.mark.slow  # a process per setting
def test_in_refused_settings(place, uri):
    for wrong in (f"tracking.uri.x={uri}", f"tracking={uri}", f"tracking.url={uri}", f"{uri}"):
        command = ("distill", SOURCE, "--out", "run", "--tracking-uri", uri, "--set", wrong)
        run(place, *command, code=2)
    assert check_files(place) == []
