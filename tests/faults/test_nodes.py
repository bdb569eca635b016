"""Workers are killed, stopped and taken away at random moments on three simulated machines."""

import json
import subprocess
import sys

import pytest

from stemdist_ray import distill
from tests.conftest import ROOT
from tests.faults.growth import COUNT
from tests.faults.nodes import tables

pytestmark = [pytest.mark.ray, pytest.mark.slow]  # each starts a cluster of its own

FEW = ["kill:1", "kill:2", "stop:3"]
MANY = [
    *(f"kill:{seed}" for seed in range(100, 120)),
    *("stop:200", "stop:201", "node:300", "node:301"),
]


@pytest.mark.parametrize(
    "disturbances",
    [FEW, pytest.param(MANY, marks=pytest.mark.timeout(3000))],
    ids=["few", "many"],
)
def test_the_tables_are_those_of_a_run_in_peace(tmp_path, traffic, tiny_config, disturbances):
    serial = tables(distill(traffic, tmp_path / "serial", tiny_config).path)
    command = [sys.executable, "-m", "tests.faults.nodes", str(tmp_path), *disturbances]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["disturbed"] == len(disturbances)
    assert set(found["tables"]) == {"peace", *disturbances}
    for name, hashes in found["tables"].items():
        assert hashes == serial, name


def test_a_cluster_that_grows_from_nothing_is_used_and_one_that_shrinks_as_well(tmp_path):
    command = [sys.executable, "-m", "tests.faults.growth"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["told"] == sorted(f"nap {i}" for i in range(COUNT))
    assert found["most"] == 3
    assert found["last"] == 2
