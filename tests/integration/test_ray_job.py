"""The README's cluster path: a head, `ray job submit`, the artifact."""

import contextlib
import os
import subprocess
import sys
import time
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

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]

BIN = Path(sys.executable).parent
PORT, DASHBOARD = "26379", "28265"


def ray(*arguments, timeout=180, **variables):
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", **variables}
    environment.pop("RAY_ADDRESS", None)
    return subprocess.run(
        [str(BIN / "ray"), *arguments],
        capture_output=True, text=True, check=False, timeout=timeout, env=environment, cwd=ROOT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    temp = tmp_path_factory.mktemp("ray")
    # Ports of its own: agents of another Ray on this machine may hold the usual ones.
    # --block keeps the head's processes below this one. `ray stop` would end every Ray on the
    # machine, that of other tests included.
    command = [
        str(BIN / "ray"), "start", "--head", "--block", f"--port={PORT}",
        f"--dashboard-port={DASHBOARD}", "--num-cpus=4", "--ray-client-server-port=21001",
        "--dashboard-agent-listen-port=25365", "--dashboard-agent-grpc-port=25366",
        "--metrics-export-port=25367", "--runtime-env-agent-port=25368",
        f"--temp-dir={temp}", "--object-store-memory=200000000", "--disable-usage-stats",
    ]  # fmt: skip
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    log = (temp / "head.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    yield f"http://127.0.0.1:{DASHBOARD}"
    below = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    for child in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait(timeout=60)
    log.close()


def submit(head, script, config):
    deadline = time.monotonic() + 120
    while True:
        done = ray(
            "job", "submit", f"--address={head}", "--working-dir", ".", "--",
            sys.executable, script, "--config", str(config), timeout=300,
        )  # fmt: skip
        # A head that has just started may not answer, or not have its job agent, yet.
        answers = ("No available agent", "Failed to connect", "Connection refused")
        if not any(a in done.stderr for a in answers) or time.monotonic() > deadline:
            return done
        time.sleep(3)


def test_distill_and_evaluate_as_ray_jobs(head, tmp_path):
    tree = {
        "source": "sim:traffic?locations=24,steps=400,seed=3",
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
    assert data.manifest["tracking_run_id"]
    assert (tmp_path / "runs" / "mlflow.db").exists()

    done = submit(head, "jobs/evaluate.py", tmp_path / "job.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "ridge on lags" in done.stdout
    assert (Path(tree["out"]) / "evaluation.json").exists()

    failed = submit(head, "jobs/distill.py", tmp_path / "job.yaml")
    assert failed.returncode != 0
    assert "holds a finished run already" in failed.stdout + failed.stderr


def test_train_on_distilled_data_as_a_ray_job(head, tmp_path):
    source = "sim:traffic?locations=24,steps=400,seed=3"
    folder = tmp_path / "runs" / "data"
    distill(source, folder, build_config("demo", TINY))
    tree = {
        "source": source,
        "distilled": str(folder),
        "out": str(tmp_path / "runs" / "forecaster"),
        "register_as": "of-the-job",
        "config": {
            "forecaster": {"name": "stid"},
            "training": {"epochs": 4},
            "worker": {"num_workers": 2},
        },
    }
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(tree))
    done = submit(head, "jobs/train.py", tmp_path / "train.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "registered as models:/of-the-job/1" in done.stdout
    trained = TrainedForecaster.load(tmp_path / "runs" / "forecaster" / "model")
    recent = read_series(source).values[-trained.model.shape.lookback :]
    assert trained.forecast(recent).shape == (trained.model.shape.horizon, 24)


def test_a_sweep_as_a_ray_job(head, tmp_path):
    settings = {k: v for k, v in TINY.items() if k not in ("spatial_ratio", "tracking")}
    tree = {
        "source": "sim:traffic?locations=24,steps=400,seed=3",
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
