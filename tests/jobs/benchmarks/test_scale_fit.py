import pytest

from jobs.benchmarks.scale_fit import Costs, fit, fitted, gap_names, phases, planned
from jobs.benchmarks.scale_model import Machines, simulate
from jobs.benchmarks.scale_plan import SECONDS, Workload, plan
from jobs.benchmarks.scale_trace import Call, Share, TaskRecord, Trace
from stemdist_ray.config import build_config
from stemdist_ray.errors import ConfigError

TRUE = {
    "member": {"one": 2.0, "locations": 1e-3},
    "shard": {"one": 0.5, "shard": 1e-3},
    "evaluator": {"one": 0.2, "synthetic": 1e-4, "locations": 1e-4},
}


def workload(locations, steps, **layer):
    return Workload(locations, steps, build_config("standard", {"rounds": 1}, layer))


def seconds_of(label, sizes):
    return sum(factor * sizes[name] for name, factor in TRUE.get(label, {"one": 0.1}).items())


def made_up(load, gap=0.25):
    """A trace of one worker, of a run whose costs are known."""
    now, events = 100.0, []
    for step in plan(load):
        now += gap
        begun, tasks = now, []
        if step.kind == "share":
            events.append(Share(now, now, int(8 * load.locations * load.steps)))
            continue
        for count, sizes in step.tasks:
            for _ in range(count):
                each = seconds_of(step.label, sizes)
                sent, rows = int(4 * sizes["shard"]), int(sizes.get("rows", 0))
                tasks.append(TaskRecord(step.label, 1, now, now + each, each, sent, 100, rows))
                now += each
        events.append(Call(step.kind, begun, now, tuple(tasks)))
    return Trace(100.0, now + gap, tuple(events))


LOADS = [
    workload(300, 3000),
    workload(600, 3000),
    workload(300, 6000),
    workload(600, 3000, num_shards=16, spatial_ratio=0.4),
]


@pytest.fixture(scope="module")
def costs():
    return fit((load, made_up(load)) for load in LOADS)


def test_costs_are_found_again(costs):
    other = workload(450, 4500, num_shards=8)
    sizes = other.sizes()
    for label in TRUE:
        assert costs.seconds[label](sizes) == pytest.approx(seconds_of(label, sizes), rel=0.01)
    assert costs.arguments["shard"](sizes) == pytest.approx(4 * sizes["shard"], rel=0.05)
    assert costs.results["shard"](sizes) == pytest.approx(100, rel=0.05)
    assert costs.shared["share real"](sizes) == pytest.approx(8 * 450 * 4500, rel=0.05)
    assert costs.missing(other) == []
    assert set(costs.seconds) == set(SECONDS)


def test_a_simulation_of_what_was_fitted_takes_as_long(costs):
    for load in LOADS:
        outcomes = simulate(Machines(1), phases(load, costs))
        predicted = sum(outcome.seconds for outcome in outcomes)
        assert predicted == pytest.approx(made_up(load).seconds, rel=0.02)


def test_factors_are_not_negative():
    cost = fitted([({"one": 1.0, "n": n}, 5.0 - n) for n in (1.0, 2.0, 3.0)], ("one", "n"))
    assert min(cost.factors.values()) >= 0
    assert 2 < cost({"one": 1.0, "n": 2.0}) < 4


def test_a_run_that_asks_for_something_else_is_refused():
    load = LOADS[0]
    trace = made_up(load)
    with pytest.raises(ConfigError, match=r"differ from number 3 on.*scale_plan"):
        planned(load, Trace(0.0, 1.0, (*trace.events[:3], *trace.events[4:])))


def test_what_was_not_measured_is_told():
    assert "groups" in Costs({}).missing(LOADS[0])
    assert gap_names(plan(LOADS[0]))[0] == "begin > share nothing"
