import logging
import os
import signal
import sys
import time

import pytest
import ray
from ray import cloudpickle
from ray.exceptions import ActorDiedError, ActorUnavailableError

from stemdist_ray.execution.ledger import Place, here
from stemdist_ray.execution.words import Word
from stemdist_ray.execution.workers import Job, Member, Sign, TaskWorker, actor_class

# Workers need not import this file, and with it all that tests need.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

JOB = Job(0, "a task", "kind", 0.0, None)


def nap(data, task):
    import time

    time.sleep(task)
    return data + task


def test_what_a_worker_runs():
    worker = TaskWorker({})
    assert worker.ping() == Sign(os.getpid(), here())
    outcome = worker.run(lambda data, task: data + task, 1, 2)
    assert (outcome.value, outcome.words) == (3, ())
    assert 0 <= outcome.seconds < 10


def test_what_was_read_is_not_read_again():
    member = Member(None, "worker 1")
    member.heard(Sign(7, Place("a", "cpu")))
    assert (member.pid, member.who) == (7, "worker 1 on a")
    words = [Word(number, logging.WARNING, "x", f"number {number}") for number in range(3)]
    assert member.unread(words[:2]) == tuple(words[:2])
    assert member.unread(words) == (words[2],)
    assert member.unread(words) == ()
    assert member.read == 3


@pytest.fixture
def member(local_ray):
    handle = actor_class({"CPU": 0.5}).options(name="as named").remote({})
    member = Member(handle, "as named")
    member.ask()
    yield member
    member.kill()


@pytest.mark.ray
def test_it_is_heard_while_it_works(member):
    assert member.starting
    assert not member.free
    sign = ray.get(member.asked, timeout=120)
    assert sign.place == here()
    member.heard(sign)
    assert not member.starting
    assert member.free
    assert ray.get_actor("as named") is not None
    member.give(JOB, nap, 1, 5.0)
    assert not member.free
    begun = time.monotonic()
    assert ray.get(member.asked, timeout=60).pid == member.pid
    ready, _ = ray.wait([member.result], timeout=0)
    assert not ready or time.monotonic() - begun > 5.0
    member.heard(sign)
    assert not member.free  # it works
    job, result = member.take()
    assert (job, member.free) == (JOB, True)
    assert ray.get(result, timeout=60).value == 6.0


@pytest.mark.ray
@pytest.mark.slow
def test_it_is_heard_while_its_task_waits_for_the_data(member):
    """Data may take minutes to arrive."""
    member.heard(ray.get(member.asked, timeout=120))
    late = ray.remote(num_cpus=0)(lambda: time.sleep(10.0) or 1).remote()
    member.give(JOB, nap, late, 0.0)
    assert ray.get(member.asked, timeout=60).pid == member.pid
    assert ray.wait([late], timeout=0) == ([], [late])
    assert ray.get(member.result, timeout=60).value == 1.0


@pytest.mark.ray
def test_a_stopped_process_is_killed(member):
    member.heard(ray.get(member.asked, timeout=120))
    os.kill(member.pid, signal.SIGSTOP)
    member.kill()
    for _ in range(300):
        try:
            os.kill(member.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(member.pid, signal.SIGKILL)
    raise AssertionError("it lives")


@pytest.mark.ray
@pytest.mark.slow
def test_what_is_dead_is_not_called_unreachable_for_long(member):
    member.heard(ray.get(member.asked, timeout=120))
    os.kill(member.pid, signal.SIGKILL)
    error = member.last_word(ActorUnavailableError("connection reset", None))
    assert isinstance(error, ActorDiedError)
    other = ValueError("not of Ray")
    assert member.last_word(other) is other


@pytest.mark.ray
@pytest.mark.slow
def test_killing_what_is_dead_is_no_error(member):
    member.kill()
    member.kill()
