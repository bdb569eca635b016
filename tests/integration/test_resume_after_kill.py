"""Kill -9 of workers and of the driver in mid-run; the resumed result is the undisturbed one."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from stemdist_ray.config import flatten
from tests.conftest import TINY

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

SOURCE = "sim:traffic?locations=24,steps=400,seed=3"
SETTINGS = flatten({**TINY, "rounds": 4, "worker": {"num_workers": 2}})
OPTIONS = ["--preset", "demo", *[f"--set={k}={json.dumps(v)}" for k, v in SETTINGS.items()]]


@contextmanager
def started(out, *more):
    command = [sys.executable, "-m", "stemdist_ray.cli", "distill", SOURCE, "--out", str(out)]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(out, *more):
    with started(out, *more) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output


def wait_for_round(out, number, process):
    while round_of(out / "checkpoint") < number:
        assert process.poll() is None, f"round {number} was never reached"
        time.sleep(0.02)


def round_of(path):
    """Round of a checkpoint that may be being replaced at this moment."""
    try:
        newest = max(path.glob("0*/state.json"))
        return json.loads(newest.read_text())["round"]
    except (OSError, ValueError):
        return -1


def workers_of(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return [c for c in children if "TaskWorker" in " ".join(c.cmdline())]


@pytest.mark.slow  # three runs in processes of their own
def test_killed_worker_and_killed_driver(tmp_path):
    calm = tmp_path / "calm"
    finish(calm, *OPTIONS, "--workers", "0")

    rough = tmp_path / "rough"
    with started(rough, *OPTIONS) as process:
        wait_for_round(rough, 1, process)
        victims = workers_of(process)
        assert len(victims) == 2
        os.kill(victims[0].pid, signal.SIGKILL)
        wait_for_round(rough, 2, process)
        process.kill()
        process.wait()
    assert not (rough / "manifest.json").exists()
    finish(rough, "--resume")
    assert (rough / "synthetic.parquet").read_bytes() == (calm / "synthetic.parquet").read_bytes()
