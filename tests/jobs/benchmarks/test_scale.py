from dataclasses import replace

import pytest

from jobs.benchmarks.scale import (
    STAGES,
    Checked,
    ScaleCase,
    check,
    contention_of,
    machines_of,
    predictions,
    scatter_of,
)
from jobs.benchmarks.scale_fit import fit
from jobs.benchmarks.scale_measure import Measured, Overheads, Point, physical_cores
from jobs.benchmarks.scale_trace import Call, TaskRecord, Trace
from tests.jobs.benchmarks.test_scale_fit import made_up

FREE = Overheads(0.0, 0.0, 1.0, 1e12, 1e12, 1e12)


def measured(point, stretched=1.0):
    trace = made_up(point.workload())
    events = tuple(
        replace(e, tasks=tuple(replace(t, cpu_seconds=stretched * t.cpu_seconds) for t in e.tasks))
        if isinstance(e, Call)
        else e
        for e in trace.events
    )
    return Measured(point, Trace(trace.begun, trace.ended, events), 0.0, 1.0)


@pytest.fixture(scope="module")
def costs():
    runs = [measured(p) for p in ScaleCase().fitted() if p.workers == 1]
    return fit((run.point.workload(), run.trace) for run in runs)


def test_points_of_fit_and_check_differ():
    case = ScaleCase()
    assert not set(case.fitted()) & set(case.held_out())
    assert {p.workers for p in case.held_out()} == {1, 2, 4, 8}
    assert {p.machines for p in case.held_out()} == {1, 2, 4}
    assert [p.workers for p in case.fitted()] == [1, 1, 1, 1, 2]
    assert max(p.workers for p in [case.whole]) == 2


def test_the_model_is_right_about_what_it_was_made_from(costs):
    found = check(measured(Point(450, 4500)), costs, machines_of(FREE, 1.0, 0.0))
    assert found.error() == pytest.approx(0.0, abs=0.03)
    for stage in STAGES[1:]:
        assert found.predicted[stage] == pytest.approx(found.measured[stage], rel=0.1)
    assert sum(found.measured[stage] for stage in STAGES) == pytest.approx(found.measured["all"])


def test_cores_that_others_use_make_it_slower(costs):
    run = replace(measured(Point(450, 4500)), busy_elsewhere=physical_cores() - 0.5)
    found = check(run, costs, machines_of(FREE, 1.0, 0.0))
    assert found.error() > 0.3


def test_contention_is_what_beside_each_other_takes_longer(costs):
    assert contention_of(costs, [measured(Point(300, 3000), 1.3)]) == pytest.approx(1.3, rel=0.03)
    assert contention_of(costs, [measured(Point(300, 3000), 0.7)]) == 1.0
    assert contention_of(costs, []) == 1.0


def test_scatter_is_within_waves():
    def call(*seconds):
        tasks = (TaskRecord("x", 1, 0.0, s, s, 0, 0) for s in seconds)
        return Call("run_shard", 0.0, 9.0, tuple(tasks))

    trace = Trace(0.0, 9.0, (call(1.0, 1.0), call(5.0, 5.0)))
    assert scatter_of([trace]) == 0.0
    assert scatter_of([Trace(0.0, 9.0, (call(1.0, 2.718281828**2),))]) == pytest.approx(1.0)
    assert scatter_of([]) == 0.0


def test_every_cluster_is_predicted(costs):
    machines = machines_of(replace(FREE, driver_seconds=0.004, round_trip_seconds=0.01), 1.2, 0.1)
    assert machines.send_seconds == machines.receive_seconds == 0.002
    assert machines.wait_seconds == pytest.approx(0.006)
    rows = predictions(replace(ScaleCase(), rounds=1), costs, machines)
    assert [row.gpus for row in rows] == [8, 64, 512] * 2
    assert all(0 < row.efficiency < 1 and row.seconds > row.round_seconds for row in rows)


def test_errors_are_relative():
    assert Checked(Point(1, 1), 0.0, {"all": 10.0}, {"all": 12.0}).error() == pytest.approx(0.2)
