"""The script that a GPU machine runs, as far as a machine without one goes."""

import os
import subprocess
import sys

import pytest
import torch

from tests.conftest import ROOT

SCRIPT = ROOT / "jobs" / "benchmarks" / "gpu_check.sh"


def check(folder, **environment):
    return subprocess.run(
        [str(SCRIPT), str(folder)], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


def test_a_machine_without_a_gpu_is_said(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = check(tmp_path / "x")
    assert done.returncode == 2
    assert "finds no GPU; DEVICE=cpu tries the script without one" in done.stderr


@pytest.mark.slow  # minutes
@pytest.mark.timeout(1800)
def test_every_step_runs(tmp_path):
    done = check(tmp_path / "x", DEVICE="cpu")
    assert "nothing failed" in done.stdout, done.stdout[-3000:]
    assert done.returncode == 0
