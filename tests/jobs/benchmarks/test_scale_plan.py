import time

import pytest

from jobs.benchmarks import scale_plan
from jobs.benchmarks.scale_fit import planned
from jobs.benchmarks.scale_plan import Workload, plan, round_steps
from jobs.benchmarks.scale_trace import Call, Tracing
from stemdist_ray.config import build_config
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.forecasters.closed_form import fit_base
from stemdist_ray.pipeline import distill
from tests.conftest import TINY


def workload(locations=24, steps=700, **layer):
    quiet = {"tracking": {"enabled": False}, "worker": {"num_workers": 0}}
    return Workload(locations, steps, build_config("demo", TINY, quiet, layer))


def traced(load, folder):
    tracing, begun = Tracing(SerialExecutor()), time.time()
    source = f"sim:traffic?locations={load.locations},steps={load.steps}"
    distill(source, folder, load.config, executor=tracing)
    return tracing.trace(begun, time.time())


@pytest.mark.parametrize("few_rows", [1, 10**9])
@pytest.mark.parametrize("layer", [{}, {"rounds": 3, "num_shards": 1, "validation": {"every": 2}}])
def test_the_plan_is_what_a_run_asks_for(tmp_path, monkeypatch, few_rows, layer):
    monkeypatch.setattr(scale_plan, "_FEW_ROWS", few_rows)
    monkeypatch.setattr(fit_base, "_FEW_ROWS", few_rows)
    if layer:  # the map is chosen on some of the locations
        monkeypatch.setattr(scale_plan, "_SAMPLED_LOCATIONS", 16)
        monkeypatch.setattr(fit_base, "_SAMPLED_LOCATIONS", 16)
    load = workload(**layer)
    trace = traced(load, tmp_path / "run")
    steps = planned(load, trace)
    assert ("run_groups" in [step.kind for step in steps]) == (few_rows == 1)
    sums = []
    for step, event in zip(steps, trace.events, strict=True):
        if step.kind == "block_sums":
            sums.append((step, event))
        elif isinstance(event, Call):
            assert step.count == len(event.tasks), step.label
    # Of later sums the data decide whether they leave out the windows' own days.
    for step, event in sums[:1]:
        assert step.count == len(event.tasks)
        rows = sum(count * sizes["rows"] for count, sizes in step.tasks)
        assert rows == pytest.approx(sum(task.rows for task in event.tasks), rel=0.01)


def test_sizes():
    load = workload(100, 1000, spatial_ratio=0.2, temporal_ratio=0.05, num_shards=4)
    sizes = load.sizes(rows=7.0)
    assert load.windows(0) == 600 - 6 - 4 + 1
    assert (load.clusters, load.synthetic_windows) == (20, 30)
    assert sizes["synthetic"] == 600
    assert sizes["shard"] == 150
    assert sizes["readings"] == 100_000
    assert sizes["distances"] == (591 + 6 - 1) * 100 * 20
    assert sizes["rows"] == 7
    assert load.state_bytes == 3 * 4 * 600 * 10


def test_vectors_that_do_not_fit_are_projected():
    load = workload(100, 1000, clustering={"memory_budget": 1000, "projections": 10})
    assert load.sizes()["distances"] == 4 * 10 * 100 * load.clusters


def test_streamed_series_are_not_shared():
    load = Workload(5000, 3000, build_config("standard", {"streaming": True}))
    shared = [s for s in plan(load) if s.kind == "share" and s.label != "share nothing"]
    assert {s.mean("scope") + s.mean("cluster_readings") for s in shared} == {0.0}
    assert next(s for s in plan(load) if s.label == "clustering").mean("readings") == 5000 * 3000


def test_rounds_are_refined_and_validated_when_due():
    load = workload(validation={"every": 2}, rounds=3)
    kinds = [[step.kind for step in round_steps(load, number)] for number in (1, 2, 3)]
    assert kinds[0] == ["run_shard", "refine"]
    assert kinds[1] == kinds[2] == ["run_shard", "refine", "train_evaluator"]
    assert [s.kind for s in round_steps(workload(num_shards=1), 1)][0:2] == [
        "run_shard",
        "train_evaluator",
    ]


def test_all_rows_are_in_blocks():
    load = Workload(5000, 3000, build_config())
    last = next(step for step in reversed(plan(load)) if step.kind == "block_sums")
    rows = sum(count * sizes["rows"] for count, sizes in last.tasks)
    assert rows == pytest.approx(5000 * (load.windows(0) + load.windows(1)))
    assert max(sizes["rows"] for _, sizes in last.tasks) <= 262_144
    large = Workload(10**6, 8760, build_config(), 24)
    last = next(step for step in reversed(plan(large)) if step.kind == "block_sums")
    assert sum(count * sizes["rows"] for count, sizes in last.tasks) <= 2 * 10**8
    year = Workload(5000, 105_120, build_config())
    assert sum(s.kind == "run_profiles" for s in plan(year)) == 2  # of many days none are left out
    assert sum(s.kind == "run_profiles" for s in plan(load)) == 3
