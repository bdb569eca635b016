from collections import Counter

import pytest

from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution import policy
from stemdist_ray.execution.losses import Loss
from stemdist_ray.execution.policy import Decision

RETRY, GIVE_UP = Decision.RETRY, Decision.GIVE_UP


@pytest.mark.parametrize(
    ("loss", "losses", "allowed", "decision"),
    [
        (Loss.CRASHED, {Loss.CRASHED: 1}, 3, RETRY),
        (Loss.CRASHED, {Loss.CRASHED: 3}, 3, GIVE_UP),
        (Loss.CRASHED, {Loss.CRASHED: 1}, 1, GIVE_UP),
        # Budgets are separate: what was lost for another reason does not count.
        (Loss.MEMORY, {Loss.CRASHED: 2, Loss.DEVICE: 2, Loss.MEMORY: 2}, 3, RETRY),
        (Loss.MEMORY, {Loss.MEMORY: 3}, 3, GIVE_UP),
        # Nobody's fault: bounded, but generously.
        (Loss.MACHINE, {Loss.MACHINE: 50}, 1, RETRY),
        (Loss.MACHINE, {Loss.MACHINE: 100}, 1, GIVE_UP),
        (Loss.NOT_BEGUN, {Loss.NOT_BEGUN: 9}, 1, RETRY),
        (Loss.NOT_BEGUN, {Loss.NOT_BEGUN: 10}, 1, GIVE_UP),
    ],
)
def test_every_reason_has_a_budget_of_its_own(loss, losses, allowed, decision):
    assert policy.after_lost_worker(loss, Counter(losses), allowed) is decision


@pytest.mark.parametrize("loss", list(Loss))
def test_giving_up_says_why_and_what_to_do(loss):
    losses = Counter({loss: 3, Loss.OVERDUE if loss is Loss.MEMORY else Loss.MEMORY: 1})
    line = policy.give_up_message("shard 2", loss, losses, "the last error")
    assert line.startswith(f"shard 2: its worker was lost 3 times ({loss.value}: the last error")
    assert "besides 1 x " in line
    assert policy.ADVICE[loss] in line
    assert "\n" not in line


def test_tasks_of_a_kind_differ_in_numbers_alone():
    one = policy.kind_of("shard.run", "round 3 shard 12")
    assert one == policy.kind_of("shard.run", "round 11 shard 0")
    assert one != policy.kind_of("shard.run", "round 3 refine 12")
    assert one != policy.kind_of("other.run", "round 3 shard 12")


@pytest.mark.parametrize(
    ("fixed", "longest", "overdue", "limit"),
    [
        (None, None, 0, None),  # no task of the kind has been seen
        (None, 1.0, 0, 900.0),
        (None, 100.0, 0, 2000.0),
        (None, 100.0, 2, 8000.0),  # it may only be slow
        (5.0, 100.0, 2, 5.0),
        (5.0, None, 0, 5.0),
    ],
)
def test_time_limit(fixed, longest, overdue, limit):
    assert policy.time_limit(fixed, longest, overdue) == limit


def test_a_driver_that_was_stopped_has_not_listened():
    assert policy.watched(0.2, 1.0) == 0.2
    assert policy.watched(3600.0, 1.0) == 1.0
    assert policy.watched(-1.0, 1.0) == 0.0


def test_starts_that_fail_are_repeated_ever_more_slowly():
    delays = [policy.start_delay(n) for n in range(9)]
    assert delays == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert policy.after_failed_start(4, alive=0) is RETRY
    assert policy.after_failed_start(5, alive=0) is GIVE_UP
    assert policy.after_failed_start(500, alive=1) is RETRY


def test_start_timeout():
    assert policy.start_timeout(7.0, True) == policy.start_timeout(7.0, False) == 7.0
    assert policy.start_timeout(None, True) >= 1200 > policy.start_timeout(None, False)


def test_needs():
    assert policy.needs(WorkerConfig(num_cpus=0.5)) == {"CPU": 0.5}
    config = WorkerConfig(num_gpus=0.25, memory="2GiB")
    assert policy.needs(config) == {"CPU": 1.0, "GPU": 0.25, "memory": 2.0 * 2**30}


@pytest.mark.parametrize(
    ("most", "free", "each", "fit"),
    [
        (4, {"CPU": 2}, {"CPU": 1}, 2),
        (4, {"CPU": 64}, {"CPU": 1}, 4),
        (4, {"CPU": 0.5}, {"CPU": 1}, 1),
        (4, {}, {"CPU": 1}, 1),
        (8, {"CPU": 16, "GPU": 2}, {"CPU": 1, "GPU": 0.5}, 4),
        (8, {"CPU": 16}, {"CPU": 1, "GPU": 1}, 1),
        (3, {"CPU": 7}, {"CPU": 2}, 3),
        (8, {"CPU": 16, "memory": 5e9}, {"CPU": 1, "memory": 2e9}, 2),
        (8, {"CPU": 0.3}, {"CPU": 0.1}, 3),
    ],
)
def test_workers_that_fit(most, free, each, fit):
    assert policy.workers_that_fit(most, free, each) == fit


def test_describe():
    assert policy.describe({"CPU": 1.5}) == "1.5 CPU"
    assert policy.describe({}, ("CPU", "GPU")) == "0 CPU and 0 GPU"
    assert policy.describe({"CPU": 1, "GPU": 2, "memory": 2**31}) == "1 CPU and 2 GPU and 2 GiB"


def test_missing_workers_are_said_once_and_again_only_where_nothing_goes_on():
    assert not policy.is_status_due(19.0, None, 3, 0)
    assert policy.is_status_due(20.0, None, 3, 0)
    assert not policy.is_status_due(9999.0, 9000.0, 3, 3)
    assert not policy.is_status_due(200.0, 190.0, 0, 0)
    assert policy.is_status_due(400.0, 390.0, 0, 0)
    assert policy.is_status_due(40.0, 20.0, 1, 0)  # the first has come
    assert policy.status(3, 8, 40.2) == "3 of 8 workers placed; 5 pending, 40 s"


def test_gpus_of_one_kind():
    assert policy.mixed_gpus(set()) is None
    assert policy.mixed_gpus({"H100"}) is None
    told = policy.mixed_gpus({"H100", "A100"})
    assert "several kinds (A100, H100)" in told
    assert "worker.mixed_gpus" in told
