"""A run killed at any named point ends, with the same command again, in the same bytes."""

import json
import os
import subprocess
import sys

import pytest

from stemdist_ray.system.points import POINTS
from tests.conftest import ROOT

BEFORE = (
    *("source read", "folder made", "run remembered", "base fitted"),
    *("teacher member trained", "teacher trained", "clusters found", "start taught"),
)
SAVING = tuple(point for point in POINTS if point.startswith("checkpoint "))
SWAPPING = tuple(point for point in POINTS if point.startswith("data set "))
EVALUATING = ("evaluation computed", "evaluation written")
TRAINING = ("training begun", "epoch saved", "training done", "forecaster written")
ALL = [
    *(("distill", point, 1) for point in BEFORE),
    *(("distill", point, nth) for point in SAVING for nth in (1, 2)),
    *(("distill", point, 1) for point in ("rounds done", *SWAPPING, "run finished")),
    *(("longer", point, 1) for point in (*SAVING, *SWAPPING, "run finished")),
    *(("evaluate", point, 1) for point in EVALUATING),
    *(("train", point, 1) for point in (*TRAINING, "training recorded")),
    ("train", "epoch saved", 2),
]
TELLING = [
    ("distill", "teacher member trained", 1),
    ("distill", "checkpoint half written", 1),
    ("distill", "checkpoint named", 2),
    ("longer", "data set half swapped", 1),
    ("longer", "data set all but swapped", 1),
    ("train", "epoch saved", 1),
]


def outcome(tmp_path, wanted):
    arguments = [str(word) for triple in wanted for word in triple]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed", str(tmp_path), *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads((tmp_path / "outcome.json").read_text())
    assert len(found) == len(wanted)
    return {name: problem for name, problem in found.items() if problem}, done.stderr[-4000:]


def test_every_point_is_tried():
    assert {point for _, point, _ in ALL} == set(POINTS)
    assert set(TELLING) <= set(ALL)


def test_killed_at_a_telling_point(tmp_path):
    problems, said = outcome(tmp_path, TELLING)
    assert problems == {}, said


@pytest.mark.slow  # ninety runs
@pytest.mark.timeout(3600)
def test_killed_at_every_point(tmp_path, record_property):
    problems, said = outcome(tmp_path, ALL)
    same = f"{len(ALL) - len(problems)} of {len(ALL)} kills ended in the same bytes"
    record_property("tried", f"{same} ({len(POINTS)} points)")
    assert problems == {}, said
