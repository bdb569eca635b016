import json

import pytest
from rich.console import Console

from jobs.benchmarks import scale_command
from jobs.benchmarks.scale import STAGES, Checked, ScaleCase, ScaleResult, machines_of, predictions
from jobs.benchmarks.scale_fit import fit
from jobs.benchmarks.scale_measure import Point
from jobs.benchmarks.scale_shards import ShardsResult
from stemdist_ray.errors import ConfigError
from tests.jobs.benchmarks.test_scale import FREE, measured

CASE = ScaleCase(rounds=1)


@pytest.fixture(scope="module")
def result():
    runs = [measured(p) for p in CASE.fitted() if p.workers == 1]
    costs = fit((run.point.workload(), run.trace) for run in runs)
    stages = dict.fromkeys((*STAGES, "all"), 2.0)
    return ScaleResult(
        overheads=FREE,
        costs=costs,
        contention=1.1,
        sigma=0.2,
        fitted=runs,
        checked=[Checked(Point(450, 3000, 2), 0.1, stages, {**stages, "all": 2.5})],
        whole=(measured(Point(640, 1500, 2)), 1.0),
        predictions=predictions(CASE, costs, machines_of(FREE, 1.1, 0.2)),
        missing=[],
    )


def test_all_is_told_and_written(tmp_path, monkeypatch, capsys, result):
    monkeypatch.setattr(scale_command, "run_scale", lambda case, reporter: result)
    monkeypatch.setattr(scale_command, "output_console", lambda: Console(width=240))
    scale_command.run_scale_command(CASE, tmp_path / "x.json", "it")
    told = capsys.readouterr().out
    for words in (
        "held-out runs",
        "+25%",
        "whole distill",
        "512 GPUs, 1,000,000 x 8,760",
        "GB/s",
    ):
        assert words in told
    tree = json.loads((tmp_path / "x.json").read_text())
    assert tree["ratios"] == {"450x3000, 2 workers, 1 nodes": 1.25}
    assert len(tree["predictions"]) == 6
    assert tree["command"] == "it"
    assert tree["hardware"]["cpu_count"] >= 1
    assert tree["case"]["locations"] == 300


def test_what_was_not_measured_is_not_predicted(capsys, monkeypatch, result):
    from dataclasses import replace

    poor = replace(result, predictions=[], missing=["groups", "sums"], whole=None)
    monkeypatch.setattr(scale_command, "run_scale", lambda case, reporter: poor)
    scale_command.run_scale_command(CASE, None, "it")
    assert "nothing is predicted: groups, sums were not measured" in capsys.readouterr().out


@pytest.mark.parametrize("bad", [{"locations": 0}, {"workers": (0,)}, {"rounds": 0}])
def test_numbers_out_of_range(bad):
    with pytest.raises(ConfigError, match="take numbers from 1"):
        scale_command.run_scale_command(ScaleCase(**bad), None, "it")
    with pytest.raises(ConfigError, match="--network one above 0"):
        scale_command.run_scale_command(ScaleCase(network_bytes_per_second=0.0), None, "it")


def test_shards_out_of_range():
    with pytest.raises(ConfigError, match=r"from 2 here.*\[1\]"):
        scale_command.run_shards_command(None, [1], 2, 1, None, "it")


def test_table_of_shards(capsys):
    rows = [ShardsResult(4, "one task", 2.0, 0.25, 0.1, 0.5, 0.4)]
    Console(width=200).print(scale_command.shards_table(rows, 2))
    told = capsys.readouterr().out
    assert "25%" in told
    assert "one task" in told
