import json

import pytest
import torch

from jobs.benchmarks.matching_step import (
    CountOperators,
    StepCase,
    build_task,
    run_step,
    run_step_command,
    step_table,
    workspace,
)
from stemdist_ray.errors import ConfigError
from tests.conftest import TINY

LAYER = {"forecaster": TINY["forecaster"], "matching": {"unroll_steps": 2, "oldest": 0}}


@pytest.mark.parametrize(
    ("objective", "budget"),
    [("unrolled", "2GiB"), ("unrolled", "600KiB"), ("gradient", "2GiB"), ("gradient", "200KiB")],
)
def test_a_step_never_waits_for_the_device(objective, budget):
    """No number is read inside it: a GPU's queue of kernels would run empty."""
    matching = {**LAYER["matching"], "objective": objective, "memory_budget": budget}
    case = StepCase(8, 24, {**LAYER, "matching": matching})
    run = workspace(*build_task(case, "cpu"))
    assert (run.piece is None) == (budget == "2GiB")
    run.matching_step()
    with CountOperators() as counted:
        run.matching_step()
    assert counted.calls.total() > 100
    assert counted.calls["aten._local_scalar_dense.default"] == 0
    assert counted.calls["aten.nonzero.default"] == 0


def test_operators_are_counted():
    with CountOperators() as counted:
        float(torch.ones(2).sum())
    assert counted.calls["aten._local_scalar_dense.default"] == 1
    assert counted.calls["aten.sum.default"] == 1


def test_memory_beyond_the_task(monkeypatch):
    peaks = iter([100.0, 130.0])
    monkeypatch.setattr(
        "jobs.benchmarks.matching_step.peak_in_fresh_process", lambda *work: next(peaks)
    )
    result = run_step(StepCase(6, 24, LAYER), "cpu", 1)
    assert result.peak_mib == 30.0
    assert result.kernels is None
    assert result.waits == {}
    assert step_table([result]).row_count == 1


@pytest.mark.slow  # two processes of their own
def test_figures_are_written(tmp_path, capsys):
    run_step_command([6], 24, ["matching.unroll_steps=2"], "cpu", 1, tmp_path / "x.json", "it")
    (row,) = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert row["name"] == "6 x 24, unrolled"
    assert row["peak_mib"] > 0
    assert "one matching step" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"windows": [0]}, "from 1"), ({"device": "tpu"}, "not usable"), ({"settings": ["x=1"]}, "x")],
)
def test_what_cannot_be_measured(changes, words):
    given = {"windows": [6], "locations": 24, "settings": [], "device": "cpu", **changes}
    with pytest.raises(ConfigError, match=words):
        run_step_command(**given, repeats=1, json_file=None, command="it")
