import pytest

from jobs.benchmarks.scale_shards import round_traces, run_shards
from jobs.benchmarks.scale_trace import Call, TaskRecord, Trace
from stemdist_ray.config import build_config
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter
from tests.conftest import TINY


@pytest.mark.slow
def test_rounds_of_both_ways_from_one_start():
    config = build_config("demo", TINY, {"rounds": 2, "refine": {"steps": 2}})
    source = "sim:traffic?locations=30,steps=400"
    found = run_shards(source, config, (3, 6), SerialExecutor(), SilentReporter())
    assert [(row.shards, row.refine) for row in found] == [
        (3, "parts"),
        (3, "one task"),
        (6, "parts"),
        (6, "one task"),
    ]
    assert len({row.start_error for row in found}) == 1
    for row in found:
        assert row.serial_share == pytest.approx(1.0)  # in one process
        assert 0 < row.refine_share < 1
        assert row.error > 0
        assert row.round_seconds > 0


def test_a_round_ends_with_its_refine():
    task = TaskRecord("x", 1, 0.0, 1.0, 1.0, 0, 0)
    kinds = ["train_evaluator", "run_shard", "refine", "train_evaluator", "run_shard"]
    calls = [Call(kind, float(i), i + 0.5, (task,)) for i, kind in enumerate(kinds)]
    rounds = round_traces(Trace(0.0, 9.0, tuple(calls)))
    assert [(r.begun, r.ended) for r in rounds] == [(1.0, 2.5), (4.0, 4.5)]
    assert [len(r.events) for r in rounds] == [2, 1]
