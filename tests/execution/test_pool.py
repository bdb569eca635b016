import os
import signal
import sys
import time

import pytest
import ray
from ray import cloudpickle

from stemdist_ray.execution.losses import Loss
from stemdist_ray.execution.pool import Finished, Lost, Pool
from stemdist_ray.execution.workers import Job, actor_class

# Workers need not import this file, and with it all that tests need.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


def nap(data, task):
    import time

    time.sleep(task)
    return task


def hold(data, task):
    """Compute without ever letting another thread of Python run, as a stuck driver call does."""
    import ctypes

    ctypes.PyDLL(None).sleep(int(task))
    return task


@pytest.fixture
def make_pool():
    pools = []

    def make(count, heartbeat_timeout=60.0):
        actor = actor_class({"CPU": 0.5})
        pool = Pool(lambda name: actor.remote({}), heartbeat_timeout)
        pools.append(pool)
        for _ in range(count):
            pool.start()
        events = watch_until(pool, lambda events: len(pool.placed()) == count)
        assert events == []
        return pool

    yield make
    for pool in pools:
        pool.clear()


def watch_until(pool, condition, seconds=120.0):
    events, end = [], time.monotonic() + seconds
    while not condition(events):
        assert time.monotonic() < end, events
        for event in pool.watch():
            events.append(event)
            if isinstance(event, Finished):
                _, result = pool.take(event.member)
                assert ray.get(result) is not None
    return events


def some(events):
    return len(events) > 0


def give(pool, function, task, limit=None):
    member = pool.free()
    member.give(Job(0, "task", "kind", pool.clock(), limit), function, None, task)
    return member


def test_a_task_is_done(make_pool):
    pool = make_pool(2)
    assert pool.joined == 2
    member = give(pool, nap, 0.5)
    assert pool.free() not in (None, member)
    assert watch_until(pool, some) == [Finished(member)]
    assert pool.longest["kind"] >= 0.5
    pool.doubt_idle()
    assert pool.free() is None
    watch_until(pool, lambda events: all(m.free for m in pool.members))


@pytest.mark.slow
def test_the_dead_are_noticed_while_idle(make_pool):
    pool = make_pool(3)
    dead = pool.members[:2]
    for member in dead:
        os.kill(member.pid, signal.SIGKILL)
    pool.doubt_idle()
    events = watch_until(pool, lambda events: len(events) == 2)
    assert {event.member for event in events} == set(dead)
    assert {event.loss for event in events} <= {Loss.NOT_BEGUN, Loss.UNREACHABLE}
    assert not any(event.starting for event in events)
    assert len(pool.members) == 1


@pytest.mark.parametrize("how", ["stopped", pytest.param("stuck", marks=pytest.mark.slow)])
def test_the_silent_are_lost(make_pool, how):
    pool = make_pool(1, heartbeat_timeout=3.0)
    member = give(pool, hold if how == "stuck" else nap, 300.0)
    watch_until(pool, lambda events: member.sure or how == "stuck")
    if how == "stopped":
        os.kill(member.pid, signal.SIGSTOP)
    (event,) = watch_until(pool, some)
    assert isinstance(event, Lost)
    assert (event.member, event.loss, event.starting) == (member, Loss.SILENT, False)
    assert pool.members == []


@pytest.mark.slow
def test_the_busy_are_not_silent(make_pool):
    """Four threads that compute, one of them in Python, on a machine of few cores."""

    def busy(data, task):
        import time

        import torch

        end = time.monotonic() + task
        while time.monotonic() < end:
            x = torch.rand(300, 300)
            sum(i * i for i in range(10_000))
            x @ x
        return task

    pool = make_pool(4, heartbeat_timeout=10.0)
    for _ in range(4):
        give(pool, busy, 15.0)
    events = watch_until(pool, lambda events: len(events) == 4)
    assert all(isinstance(event, Finished) for event in events)


@pytest.mark.slow
def test_those_that_take_too_long_are_lost_although_they_answer(make_pool):
    pool = make_pool(1)
    member = give(pool, nap, 300.0, limit=2.0)
    (event,) = watch_until(pool, some)
    assert (event.member, event.loss) == (member, Loss.OVERDUE)
    assert event.reason == "more than 2 s"


@pytest.mark.slow
def test_those_that_cannot_start_are_lost():
    def spawn(name):
        return actor_class({"CPU": 0.5}).remote()  # an argument is missing

    pool = Pool(spawn, 60.0)
    with pytest.raises(TypeError):
        pool.start()

    class Broken:
        def __init__(self):
            raise ValueError("as asked")

        def ping(self, read=0):
            return 1

    actor = ray.remote(concurrency_groups={"health": 1}, num_cpus=0.5)(Broken)
    pool = Pool(lambda name: actor.remote(), 60.0)
    pool.start()
    (event,) = watch_until(pool, some)
    assert event.starting
    assert pool.members == []


@pytest.mark.slow
def test_abandoned_tasks_are_told_as_such(make_pool):
    pool = make_pool(1)
    member = give(pool, nap, 1.0)
    pool.abandon()
    assert member.job.abandoned
    watch_until(pool, some)
    watch_until(pool, lambda events: member.free)
