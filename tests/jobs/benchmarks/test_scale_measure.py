import os
import time

import pytest

from jobs.benchmarks.scale_measure import (
    LAYER,
    Echo,
    Measured,
    Point,
    echo,
    load_watched,
    measure_overheads,
    measure_runs,
)
from jobs.benchmarks.scale_trace import Call, TaskRecord, Trace
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter
from tests.jobs.benchmarks.fresh import printed

SHORT = (
    ("rounds", 1),
    ("num_shards", 2),
    ("teacher", {"epochs": 2}),
    ("validation", {"epochs": 2}),
)


class Here(SerialExecutor):
    def process_ids(self):
        return [os.getpid()]


def test_a_run_is_measured_without_ray():
    (found,) = measure_runs(Here(), [Point(24, 400, layer=SHORT)], SilentReporter())
    kinds = [event.kind for event in found.trace.events]
    assert kinds[-4:] == ["train_evaluator", "run_shard", "refine", "train_evaluator"]
    assert 0 < found.trace.busy() < found.trace.seconds * 1.1
    assert found.driver_seconds > 0
    assert found.busy_elsewhere >= 0
    assert 0 < found.efficiency < 1.1


def test_points_have_short_trainings_or_those_of_the_preset():
    assert Point(24, 400).config().teacher.epochs == LAYER["teacher"]["epochs"]
    assert Point(24, 400, small=False).config().teacher.epochs == 150
    assert Point(24, 400).workload().locations == 24


def test_efficiency_counts_workers_that_wait():
    task = TaskRecord("x", 1, 0.0, 4.0, 3.0, 0, 0)
    trace = Trace(0.0, 5.0, (Call("run_shard", 0.0, 4.0, (task, task)),))
    assert Measured(Point(1, 1, workers=2), trace, 0.0, 0.0).efficiency == pytest.approx(0.6)


def test_overheads_are_rates():
    found = measure_overheads(Here(), 1.5, tasks=5, mib=1)
    assert found.start_seconds == 1.5
    assert found.round_trip_seconds >= 0
    assert found.put_bytes_per_second > 0
    assert echo(None, Echo("x", 3)) == 3


def test_own_work_is_not_busy_elsewhere():
    with load_watched([os.getpid()]) as watch:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    assert 0.25 < watch["driver"] < 1.0
    assert watch["elsewhere"] <= (os.cpu_count() or 1)


SMALL = f"""
import json
from jobs.benchmarks.scale_measure import Point, measure_overheads, measure_runs, workers_of
from stemdist_ray.progress import SilentReporter

if __name__ == "__main__":
    with workers_of(2, 2) as (executor, seconds):
        over = measure_overheads(executor, seconds, 5, 1)
        (run,) = measure_runs(executor, [Point(24, 400, 2, 2, {SHORT!r})], SilentReporter())
    processes = {{task.process for task in run.trace.tasks()}}
    print(json.dumps([len(processes), over.fetch_bytes_per_second, run.efficiency]))
"""


@pytest.mark.ray
@pytest.mark.slow  # a cluster of its own, in a process of its own
def test_two_simulated_machines():
    processes, rate, efficiency = printed(SMALL)
    assert processes == 2
    assert rate > 0
    assert 0 < efficiency < 1.1
