"""A worker that is killed costs time, never the result."""

import os
import signal

import numpy as np
import pytest

from stemdist_ray.config import WorkerConfig
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.serial import SerialExecutor

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


@pytest.fixture
def tasks(make_task):
    return [make_task(locations=(i, i + 1, i + 2), seed=i) for i in range(6)]


def test_killed_between_and_during_tasks(clustered, tasks):
    serial = SerialExecutor(clustered).run(run_shard, tasks, lambda update: None)
    with RayExecutor(clustered, WorkerConfig(num_workers=2), 2) as executor:
        executor.wait_for_all()
        first = executor.process_ids()
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        killed = []

        def kill_once(update):
            # After the first result the other worker is busy with a task of its own.
            if not killed:
                killed.append(first[1])
                os.kill(first[1], signal.SIGKILL)

        updates = executor.run(run_shard, tasks, kill_once)
        executor.wait_for_all()
        after = executor.process_ids()
    assert len(after) == 2
    assert not set(first) & set(after)
    for one, other in zip(updates, serial, strict=True):
        for name, array in one.state.arrays().items():
            np.testing.assert_array_equal(array, getattr(other.state, name))


def test_a_task_that_kills_every_worker_ends_the_run(clustered, tasks):
    with RayExecutor(clustered, WorkerConfig(num_workers=1, max_attempts=2), 1) as executor:
        poisoned = tasks[:1]

        def kill_all():
            for pid in executor.process_ids():
                os.kill(pid, signal.SIGKILL)

        kill_all()
        original = executor._start_worker

        def start_and_kill():
            original()
            executor._wait_for_first_worker()
            kill_all()

        executor._start_worker = start_and_kill
        with pytest.raises(ExecutionError, match="its worker was lost 2 times"):
            executor.run(run_shard, poisoned, lambda update: None)
