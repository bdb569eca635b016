"""The README's cluster path: a head, `ray job submit`, the artifact."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from stemdist_ray import (
    SyntheticDataset,
    TrainedForecaster,
    build_config,
    distill,
    read_series,
)
from tests.conftest import ROOT, TINY
from tests.integration.ports import free_ports

# Slow: a head and its dashboard are a dozen processes, which start within what Ray allows them
# only where nothing else computes.
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1200)]

BIN = Path(sys.executable).parent
SOURCE = "sim:traffic?locations=24,steps=400,seed=3"


@dataclass(frozen=True)
class Head:
    """A Ray cluster of one machine.

    Args:
        process: `ray start --head --block`.
        address: Where jobs are submitted.
        folder: Of its sessions, copies of working directories included.
    """

    process: subprocess.Popen
    address: str
    folder: Path


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    # As for a local Ray: on a loaded machine a raylet may give up on its own agents.
    for _ in range(4):
        temp = tmp_path_factory.mktemp("ray")
        process, address = start_head(temp)
        try:
            if started(process, temp / "head.log"):
                yield Head(process, address, temp)
                return
        finally:
            end(process)
    pytest.fail((temp / "head.log").read_text()[-3000:])


def start_head(temp):
    # Ports of its own: agents of another Ray on this machine may hold the usual ones.
    names = (
        *("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port"),
        *("dashboard-agent-grpc-port", "metrics-export-port", "runtime-env-agent-port"),
    )
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    # --block keeps the head's processes below this one. `ray stop` would end every Ray on the
    # machine, that of other tests included.
    command = [
        str(BIN / "ray"), "start", "--head", "--block", "--num-cpus=4",
        *(f"--{name}={port}" for name, port in ports.items()),
        f"--temp-dir={temp}", "--object-store-memory=200000000", "--disable-usage-stats",
    ]  # fmt: skip
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    with (temp / "head.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    return process, f"http://127.0.0.1:{ports['dashboard-port']}"


def started(process, log):
    """Whether the head runs; False once it has given up."""
    while process.poll() is None:
        if "Ray runtime started" in log.read_text():
            return True
        time.sleep(0.5)
    return False


def end(process):
    # Its children first: asked to end itself, a head waits half a minute for them.
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


def submit(head, script, config, *options):
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    environment.pop("RAY_ADDRESS", None)
    command = [
        str(BIN / "ray"), "job", "submit", f"--address={head.address}", "--working-dir", ".", "--",
        sys.executable, script, "--config", str(config), *options,
    ]  # fmt: skip
    # A head that has just started may not answer, or not have its job agent, yet.
    not_yet = (
        "No available agent",
        "Failed to connect",
        "Connection refused",
        "RemoteDisconnected",
    )
    patience = time.monotonic() + 300
    while True:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT
        )
        if not any(answer in done.stderr for answer in not_yet) or time.monotonic() > patience:
            return done
        assert head.process.poll() is None, (head.folder / "head.log").read_text()[-3000:]
        time.sleep(3)


def test_distill_and_evaluate_as_ray_jobs(head, tmp_path):
    tree = {
        "source": SOURCE,
        "out": str(tmp_path / "runs" / "job"),
        "preset": "demo",
        "config": {**TINY, "worker": {"num_workers": 2}, "tracking": {"enabled": True}},
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(tree))
    done = submit(head, "jobs/distill.py", tmp_path / "job.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "round 2/2" in done.stdout
    data = SyntheticDataset.load(tree["out"])
    assert data.config.worker.num_workers == 2
    assert data.manifest.tracking_run_id
    assert (tmp_path / "runs" / "mlflow.db").exists()

    done = submit(head, "jobs/evaluate.py", tmp_path / "job.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "ridge on lags" in done.stdout
    assert (Path(tree["out"]) / "evaluation.json").exists()

    failed = submit(head, "jobs/distill.py", tmp_path / "job.yaml")
    assert failed.returncode != 0
    assert "holds a finished run already" in failed.stdout + failed.stderr


def test_train_on_distilled_data_as_a_ray_job(head, tmp_path):
    folder, out = tmp_path / "runs" / "data", tmp_path / "runs" / "forecaster"
    distill(SOURCE, folder, build_config("demo", TINY))
    tree = {
        "source": SOURCE,
        "distilled": str(folder),
        "out": "runs/forecaster",
        "register_as": "of-the-job",
        "config": {
            "forecaster": {"name": "stid"},
            "training": {"epochs": 4},
            "worker": {"num_workers": 2},
        },
    }
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(tree))
    done = submit(head, "jobs/train.py", tmp_path / "train.yaml", "--out", str(out))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "registered as models:/of-the-job/1" in done.stdout
    trained = TrainedForecaster.load(out / "model")
    series = read_series(SOURCE)
    recent, last = series.values[-trained.model.shape.lookback :], series.times[-1]
    assert trained.forecast(recent, last).shape == (trained.model.shape.horizon, 24)


def test_a_sweep_as_a_ray_job(head, tmp_path):
    settings = {k: v for k, v in TINY.items() if k not in ("spatial_ratio", "tracking")}
    tree = {
        "source": SOURCE,
        "out": str(tmp_path / "runs" / "ratios"),
        "preset": "demo",
        "resume": True,
        "config": {**settings, "worker": {"num_workers": 1}},
        "search": {
            "space": {"spatial_ratio": {"log": [0.1, 0.5], "points": 2}},
            "searcher": "grid", "scheduler": "none", "evaluate_points": 1, "concurrent": 2,
        },
    }  # fmt: skip
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(tree))
    done = submit(head, "tuning/search.py", tmp_path / "sweep.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "2 trials, 2 at a time, each distils on 1 workers" in done.stdout
    assert "trial 2/2: finished" in done.stdout
    assert "trials that no other one beats" in done.stdout
    data = SyntheticDataset.load(tmp_path / "runs" / "ratios" / "best")
    assert data.config.worker.num_workers == 1
    assert (tmp_path / "runs" / "ratios" / "report.html").exists()


def test_a_result_that_would_be_lost_with_the_job_is_refused(head, tmp_path):
    tree = {"source": SOURCE, "out": "runs/lost", "preset": "demo", "config": TINY}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(tree))
    done = submit(head, "jobs/distill.py", tmp_path / "job.yaml")
    assert done.returncode != 0
    log = done.stdout.rpartition("Running entrypoint for job ")[2]
    _, *said = log.strip().splitlines()
    assert len(said) == 1, log
    assert said[0].startswith("error: out is runs/lost, a relative path, and a submitted job runs")
    assert list(head.folder.rglob("runs/lost")) == []
    assert not (ROOT / "runs" / "lost").exists()
