"""A worker that is lost, in whatever way, costs time, never the result, and not for ever."""

import contextlib
import dataclasses
import logging
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
from ray import cloudpickle

from stemdist_ray.config import WorkerConfig
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.errors import DivergenceError, ExecutionError
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.execution.workers import TaskWorker

# Workers need not import this file, and with it all that tests need.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

# Each starts workers of its own, some seconds of computing each: only those that differ most are
# not slow.
pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


@dataclasses.dataclass(frozen=True)
class Step:
    """A task that leaves a file for each attempt in a folder, then does ``what``."""

    name: str
    folder: Path
    what: str = ""
    seconds: float = 0.0

    def attempts(self):
        return len(list(self.folder.glob(f"{self.name} *")))


def steps(folder, count, **more):
    return [Step(f"step {i}", folder, **more) for i in range(count)]


def act(data, task):
    """The last attempts succeed: what goes wrong does so only at first."""
    attempt = task.attempts() + 1
    (task.folder / f"{task.name} {attempt} {os.getpid()}").touch()
    kind, _, times = task.what.partition(" ")
    if attempt <= int(times or 1):
        if kind == "die":
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "hang":
            time.sleep(600)
        if kind == "raise":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if kind == "memory":
            raise MemoryError("an array did not fit")
        if kind == "diverge":
            raise DivergenceError("as asked")
    time.sleep(task.seconds)
    return task.name


def names(tasks):
    return [task.name for task in tasks]


def run(executor, tasks):
    told = []
    results = executor.run(act, tasks, told.append)
    assert sorted(told) == sorted(results)
    return results


def config(**changes):
    return WorkerConfig(**{"num_cpus": 0.5, "max_attempts": 2, **changes})


def kill(pids, how=signal.SIGKILL):
    for pid in pids:
        os.kill(pid, how)


def test_killed_between_and_during_tasks(clustered, make_task):
    tasks = [make_task(locations=(i, i + 1, i + 2), seed=i) for i in range(6)]
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


@pytest.mark.slow  # tests/execution/test_pool.py has the same without Ray
@pytest.mark.parametrize("count", [1, 6])
def test_three_of_four_idle_workers_dead(tmp_path, count):
    with RayExecutor(None, config(num_workers=4, max_attempts=1), 4) as executor:
        executor.wait_for_all()
        kill(executor.process_ids()[1:])
        tasks = steps(tmp_path, count)
        assert run(executor, tasks) == names(tasks)
        assert [task.attempts() for task in tasks] == [1] * count
        executor.wait_for_all()
        assert len(executor.process_ids()) == 4


@pytest.mark.slow
def test_all_idle_workers_dead(tmp_path):
    with RayExecutor(None, config(num_workers=2, max_attempts=1), 2) as executor:
        executor.wait_for_all()
        kill(executor.process_ids())
        tasks = steps(tmp_path, 3)
        assert run(executor, tasks) == names(tasks)


@pytest.mark.slow
def test_idle_workers_that_die_while_others_work(tmp_path):
    """The one that works is not lost, and the dead are replaced before anybody needs them."""
    with RayExecutor(
        None, config(num_workers=3, max_attempts=1, heartbeat_timeout=8.0), 3
    ) as executor:
        executor.wait_for_all()
        (task,) = tasks = steps(tmp_path, 1, seconds=12.0)
        timer = threading.Timer(2.0, lambda: kill(idle_process_ids(executor)))
        timer.start()
        before = set(executor.process_ids())
        assert run(executor, tasks) == names(tasks)
        assert task.attempts() == 1
        executor.wait_for_all()
        assert len(set(executor.process_ids()) & before) == 1


def idle_process_ids(executor):
    return [m.pid for m in executor.pool.members if m.job is None]


@pytest.mark.slow
def test_a_task_that_kills_every_worker_ends_the_run(tmp_path):
    with RayExecutor(None, config(num_workers=1), 1) as executor:
        bad = steps(tmp_path, 1, what="die 99")
        with pytest.raises(ExecutionError, match="step 0: its worker was lost 2 times .its proc"):
            run(executor, bad)
        assert bad[0].attempts() == 2
        good = [Step("good", tmp_path)]
        assert run(executor, good) == ["good"]


@pytest.mark.slow
def test_a_stopped_worker_is_replaced_and_its_task_run_again(tmp_path, caplog):
    with (
        caplog.at_level(logging.WARNING),
        RayExecutor(None, config(num_workers=2, heartbeat_timeout=8.0), 2) as executor,
    ):
        executor.wait_for_all()
        stopped = executor.process_ids()
        tasks = steps(tmp_path, 3, seconds=3.0)
        timer = threading.Timer(1.5, lambda: kill(stopped[:1], signal.SIGSTOP))
        timer.start()
        assert run(executor, tasks) == names(tasks)
        executor.wait_for_all()
        assert stopped[0] not in executor.process_ids()
        assert len(executor.process_ids()) == 2
    assert re.search(r"worker lost \(no sign of life: none for \d+ s\), running it", caplog.text)
    assert not psutil.pid_exists(stopped[0]) or is_zombie(stopped[0])


def is_zombie(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.mark.slow
def test_a_worker_that_is_stopped_while_idle_is_given_nothing(tmp_path):
    with RayExecutor(None, config(num_workers=2, max_attempts=1), 2) as executor:
        executor.wait_for_all()
        kill(executor.process_ids()[:1], signal.SIGSTOP)
        tasks = steps(tmp_path, 4)
        assert run(executor, tasks) == names(tasks)


@pytest.mark.slow
def test_a_task_that_hangs_is_found_by_its_time_limit(tmp_path, caplog):
    with (
        caplog.at_level(logging.WARNING),
        RayExecutor(None, config(num_workers=2, task_timeout=6.0), 2) as executor,
    ):
        tasks = steps(tmp_path, 2, what="hang 1")
        assert run(executor, tasks) == names(tasks)
        assert [task.attempts() for task in tasks] == [2, 2]
        forever = [Step("forever", tmp_path, what="hang 99")]
        with pytest.raises(ExecutionError, match=r"forever: .* 2 times \(took too long: more than"):
            run(executor, forever)
    assert "took too long: more than 6 s" in caplog.text


@pytest.mark.slow
def test_a_limit_that_follows_from_the_tasks_before(tmp_path, monkeypatch):
    monkeypatch.setattr("stemdist_ray.execution.policy._LEAST_LIMIT", 3.0)
    with RayExecutor(None, config(num_workers=2), 2) as executor:
        assert run(executor, [Step("task 1", tmp_path)]) == ["task 1"]
        tasks = [Step("task 2", tmp_path, what="hang 1")]
        assert run(executor, tasks) == ["task 2"]


@pytest.mark.slow
def test_a_device_error_takes_the_worker_out_not_the_run(tmp_path, caplog):
    with (
        caplog.at_level(logging.WARNING),
        RayExecutor(None, config(num_workers=2), 2) as executor,
    ):
        executor.wait_for_all()
        tasks = steps(tmp_path, 1, what="raise 1")
        assert run(executor, tasks) == names(tasks)
        first, second = sorted(tmp_path.glob("step 0 *"))
        bad = int(first.name.split()[-1])
        assert bad != int(second.name.split()[-1])
        executor.wait_for_all()
        assert bad not in executor.process_ids()
        assert len(executor.process_ids()) == 2
        always = [Step("always", tmp_path, what="raise 99")]
        with pytest.raises(ExecutionError, match=r"2 times \(device error: .*; look at the GPUs"):
            run(executor, always)
    assert "step 0: worker lost (device error: RuntimeError: CUDA error: an illegal" in caplog.text


@pytest.mark.slow
def test_budgets_are_separate(tmp_path):
    with RayExecutor(None, config(num_workers=2), 2) as executor:
        tasks = steps(tmp_path, 2, what="memory 1")
        assert run(executor, tasks) == names(tasks)
        with pytest.raises(ExecutionError, match=r"2 times \(out of memory: .*use more shards"):
            run(executor, [Step("large", tmp_path, what="memory 99")])
        with pytest.raises(DivergenceError, match="as asked"):
            run(executor, [Step("wrong", tmp_path, what="diverge 99")])


@pytest.mark.slow
def test_a_worker_that_dies_while_it_starts_is_started_again(tmp_path, monkeypatch, caplog):
    class Frail(TaskWorker):
        """The first two that start die of it."""

        def __init__(self, forecasters, setup):
            super().__init__(forecasters, setup)
            if Step("start", tmp_path).attempts() < 2:
                (tmp_path / f"start {os.getpid()}").touch()
                os.kill(os.getpid(), signal.SIGKILL)

    def frail(needs):
        return ray.remote(concurrency_groups={"health": 1}, num_cpus=needs["CPU"])(Frail)

    monkeypatch.setattr("stemdist_ray.execution.ray_workers.actor_class", frail)
    with (
        caplog.at_level(logging.WARNING),
        RayExecutor(None, config(num_workers=2), 2) as executor,
    ):
        executor.wait_for_all()
        assert len(executor.process_ids()) == 2
        tasks = steps(tmp_path, 4)
        assert run(executor, tasks) == names(tasks)
    assert "a worker died while starting" in caplog.text


@pytest.mark.slow
def test_workers_that_never_start_end_the_run(monkeypatch):
    class Broken(TaskWorker):
        def __init__(self, forecasters, setup):
            raise ValueError("as asked")

    monkeypatch.setattr("stemdist_ray.execution.policy._LONGEST_DELAY", 0.1)
    monkeypatch.setattr(
        "stemdist_ray.execution.ray_workers.actor_class",
        lambda needs: ray.remote(concurrency_groups={"health": 1}, num_cpus=0.5)(Broken),
    )
    with (
        pytest.raises(ExecutionError, match="5 in a row died while starting .*as asked"),
        RayExecutor(None, config(num_workers=1), 1),
    ):
        pass


@pytest.mark.slow
def test_more_workers_than_fit_is_said_and_those_that_came_go_on(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("stemdist_ray.execution.policy._SAY_AFTER", 1.0)
    with (
        caplog.at_level(logging.WARNING),
        RayExecutor(None, WorkerConfig(num_workers=7, num_cpus=2.0), 7) as executor,
    ):
        tasks = steps(tmp_path, 6, seconds=1.5)
        assert run(executor, tasks) == names(tasks)
        assert len(executor.process_ids()) == 2
    said = [line for line in caplog.messages if line.endswith("s: going on with these")]
    assert len(said) == 1
    assert re.match(r"[12] of 7 workers placed; [56] pending, \d+ s", said[0])
