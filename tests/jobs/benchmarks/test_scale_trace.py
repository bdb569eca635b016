import os
import time

import numpy as np
import pytest

from jobs.benchmarks.scale_trace import Call, Share, TaskRecord, Trace, Tracing
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.forecasters.closed_form.gram import GramTask


class Named:
    def __init__(self, name):
        self.name, self.values = name, np.zeros(1000)


def doubled(data, task):
    return data + task.values


def record(begun, ended, process=1):
    return TaskRecord("one", process, begun, ended, ended - begun, 10, 20)


def test_what_runs_is_noted_and_given_back_as_it_was():
    executor, heard = Tracing(SerialExecutor()), []
    begun = time.time()
    executor.share(np.ones(500))
    executor.share(np.ones(1000))
    results = executor.run(doubled, [Named("a"), Named("b")], heard.append)
    executor.run(doubled, [Named("round 1 refine 0")], heard.append)
    trace = executor.trace(begun, time.time())
    assert [float(value.sum()) for value in results] == [1000.0, 1000.0]
    assert heard[0] is results[0]
    assert [event.kind for event in trace.events] == ["share", "share", "doubled", "refine"]
    assert 4000 < trace.events[0].num_bytes < 4500
    task = trace.calls()[0].tasks[1]
    assert (task.name, task.process, task.rows) == ("b", os.getpid(), 0)
    assert 8000 < task.argument_bytes < 8600
    assert 8000 < task.result_bytes < 8500
    assert trace.begun <= task.begun <= task.ended <= trace.ended
    assert executor.trace(begun, begun).events == ()


def test_blocks_of_sums_have_rows():
    executor = Tracing(SerialExecutor())
    block = GramTask("base, block 0", 0, np.arange(7), np.arange(5), 1)
    executor.run(lambda data, task: 1, [block], lambda found: None)
    assert executor.trace(0.0, 1.0).tasks()[0].rows == 35


def test_gaps_are_what_is_between():
    call = Call("run_shard", 3.0, 9.0, (record(3.5, 8.0),))
    trace = Trace(1.0, 10.0, (Share(1.5, 2.0, 8), call))
    gaps = dict(trace.gaps())
    assert gaps == {"begin > share": 0.5, "share > run_shard": 1.0, "run_shard > end": 1.0}
    assert sum(gaps.values()) + sum(event.seconds for event in trace.events) == trace.seconds


def test_serial_is_where_at_most_one_computes():
    tasks = (record(1.0, 5.0, 1), record(2.0, 4.0, 2), record(4.0, 4.5, 2), record(6.0, 7.0, 1))
    trace = Trace(0.0, 10.0, (Call("run_shard", 0.5, 8.0, tasks),))
    assert trace.serial_seconds() == pytest.approx(7.5)
    assert trace.busy() == pytest.approx(7.5)
