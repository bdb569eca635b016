"""Kill -9 of workers and of the driver in mid-run; the resumed result is the undisturbed one."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from stemdist_ray.config import flatten
from tests.conftest import TINY

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]

SOURCE = "sim:traffic?locations=24,steps=400,seed=3"
SETTINGS = flatten({**TINY, "rounds": 6, "worker": {"num_workers": 2}})
OPTIONS = ["--preset", "demo", *[f"--set={k}={json.dumps(v)}" for k, v in SETTINGS.items()]]


def start(out, *more):
    command = [sys.executable, "-m", "stemdist_ray.cli.app", "distill", SOURCE, "--out", str(out)]
    return subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True)


def finish(process):
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    return output


def wait_for_round(out, number, process):
    path = out / "checkpoint" / "state.json"
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        if round_of(path) >= number:
            return
        time.sleep(0.02)
    raise AssertionError(f"round {number} was never reached; exit code {process.poll()}")


def round_of(path):
    """Round of a checkpoint that may be being replaced at this moment."""
    try:
        return json.loads(path.read_text())["round"]
    except (OSError, ValueError):
        return -1


def workers_of(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return [c for c in children if "ShardWorker" in " ".join(c.cmdline())]


def test_killed_worker_and_killed_driver(tmp_path):
    calm = tmp_path / "calm"
    finish(start(calm, *OPTIONS, "--workers", "0"))

    rough = tmp_path / "rough"
    process = start(rough, *OPTIONS)
    wait_for_round(rough, 1, process)
    victims = workers_of(process)
    assert len(victims) == 2
    os.kill(victims[0].pid, signal.SIGKILL)
    wait_for_round(rough, 2, process)
    process.kill()
    process.wait()
    assert not (rough / "manifest.json").exists()
    finish(start(rough, "--resume"))
    assert (rough / "synthetic.parquet").read_bytes() == (calm / "synthetic.parquet").read_bytes()
