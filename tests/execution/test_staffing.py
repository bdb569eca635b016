import logging

import pytest

from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution import staffing as module
from stemdist_ray.execution.losses import Loss
from stemdist_ray.execution.pool import Lost
from stemdist_ray.execution.staffing import Staffing


class Member:
    starting = True


class Pool:
    """Stands in for the pool: members are started, and get their place when a test says so."""

    def __init__(self):
        self.now, self.members, self.joined = 0.0, [], 0

    def clock(self):
        return self.now

    def start(self):
        self.members.append(Member())

    def placed(self):
        return [m for m in self.members if not m.starting]

    def place(self, count):
        for member in [m for m in self.members if m.starting][:count]:
            member.starting = False
            self.joined += 1


@pytest.fixture
def cluster(monkeypatch):
    """Resources by name: all and free ones; and what was asked for."""
    asked = []
    state = {"all": {"CPU": 8.0}, "free": {"CPU": 8.0}, "asked": asked}
    monkeypatch.setattr(module, "_all", lambda: state["all"])
    monkeypatch.setattr(module, "_free", lambda: state["free"])
    monkeypatch.setattr(module, "ask_for", lambda bundles: asked.append(len(bundles)))
    return state


def pass_time(staffing, seconds, more_work=True):
    for _ in range(int(seconds)):
        staffing.pool.now += 1.0
        staffing.keep_up(more_work)


def make(number, most=8, patience=1800.0, joined=True):
    return Staffing(Pool(), {"CPU": 1.0}, number, most, patience, joined)


def test_a_fixed_number_is_kept(cluster):
    with make(3) as staffing:
        pass_time(staffing, 1)
        assert len(staffing.pool.members) == 3
        staffing.pool.place(3)
        del staffing.pool.members[0]
        staffing.lost(Loss.MACHINE)
        pass_time(staffing, 1)
        assert len(staffing.pool.members) == 3


def test_missing_workers_are_said_once_and_those_at_hand_go_on(cluster, caplog):
    with make(8) as staffing, caplog.at_level(logging.WARNING):
        pass_time(staffing, 1)
        staffing.pool.place(3)
        pass_time(staffing, 600)
        assert caplog.messages == ["3 of 8 workers placed; 5 pending, 20 s: going on with these"]
        staffing.pool.place(5)
        pass_time(staffing, 600)
        assert caplog.messages[1:] == ["all 8 workers placed"]


def test_patience_and_what_is_said_until_it_ends(cluster, caplog):
    cluster["all"] = {"CPU": 0.0}
    with make(2, patience=900.0) as staffing, caplog.at_level(logging.WARNING):
        with pytest.raises(ExecutionError, match=r"within 900 s: each wants 1 CPU and 0 GPU"):
            pass_time(staffing, 1000)
        assert [line.split(":")[0] for line in caplog.messages] == [
            f"0 of 2 workers placed; 2 pending, {seconds} s" for seconds in (20, 320, 620)
        ]


def test_time_counts_only_while_somebody_waits(cluster):
    with make(1, patience=100.0) as staffing:
        pass_time(staffing, 50)
        staffing.pool.now += 1e6  # between two runs, or a driver that was stopped
        pass_time(staffing, 40)


def test_a_machine_that_can_never_place_a_worker_fails_at_once(cluster):
    cluster["all"] = {"CPU": 0.5}
    with pytest.raises(ExecutionError, match="no worker can be placed: each wants 1 CPU"):
        make(2, joined=False).__enter__()


def test_an_open_number_follows_the_cluster(cluster):
    cluster["free"] = {}
    with make(None, most=6) as staffing:
        pass_time(staffing, 1)
        assert len(staffing.pool.members) == 1  # waits for a first machine
        staffing.pool.place(1)
        cluster["free"] = {"CPU": 2.0}
        pass_time(staffing, 6)
        assert len(staffing.pool.members) == 3
        pass_time(staffing, 60)
        assert len(staffing.pool.members) == 3  # two wait for the places that were seen
        staffing.pool.place(2)
        cluster["free"] = {"CPU": 40.0}
        pass_time(staffing, 6)
        assert len(staffing.pool.members) == 6
        staffing.pool.place(3)
        cluster["free"] = {}
        del staffing.pool.members[:2]
        staffing.lost(Loss.MACHINE)
        staffing.lost(Loss.MACHINE)
        pass_time(staffing, 60)
        assert len(staffing.pool.members) == 4
        del staffing.pool.members[0]
        staffing.lost(Loss.CRASHED)
        pass_time(staffing, 1)
        assert len(staffing.pool.members) == 4  # its place is still there


def test_it_does_not_grow_without_work(cluster):
    cluster["free"] = {}
    with make(None) as staffing:
        pass_time(staffing, 1)
        staffing.pool.place(1)
        cluster["free"] = {"CPU": 40.0}
        pass_time(staffing, 60, more_work=False)
        assert len(staffing.pool.members) == 1


def test_the_autoscaler_is_asked_again_while_workers_are_missing_and_released(cluster):
    with make(4) as staffing:
        pass_time(staffing, 150)
        assert cluster["asked"] == [4, 4, 4]
        staffing.pool.place(4)
        pass_time(staffing, 150)
        assert cluster["asked"] == [4, 4, 4]
    assert cluster["asked"][3:] == [0]


def test_a_local_ray_is_not_asked(cluster):
    with make(4, joined=False) as staffing:
        pass_time(staffing, 150)
    assert cluster["asked"] == []


def lost():
    return Lost(None, Loss.NOT_BEGUN, "the reason", True)


def test_a_worker_that_dies_while_starting_is_started_again(cluster, caplog):
    with make(2) as staffing, caplog.at_level(logging.WARNING):
        pass_time(staffing, 1)
        staffing.pool.place(1)
        for failures in range(1, 8):
            staffing.pool.members.pop()
            staffing.failed_to_start(lost())
            pass_time(staffing, min(2 ** (failures - 1), 60) - 1)
            assert len(staffing.pool.members) == 1  # not yet
            pass_time(staffing, 60)
            assert len(staffing.pool.members) == 2
        assert "a worker died while starting (the reason)" in caplog.text


def test_starting_in_vain_ends(cluster):
    with make(1) as staffing:
        for _ in range(4):
            pass_time(staffing, 60)
            staffing.pool.members.pop()
            staffing.failed_to_start(lost())
        with pytest.raises(ExecutionError, match="5 in a row died while starting .the reason."):
            staffing.failed_to_start(lost())


def test_one_that_started_ends_the_row(cluster):
    with make(1) as staffing:
        for _ in range(9):
            pass_time(staffing, 60)
            staffing.pool.place(1)
            staffing.pool.members.pop()
            pass_time(staffing, 60)
            staffing.pool.members.pop()
            staffing.failed_to_start(lost())


def test_what_is_missing_is_told_to_whom_one_likes(cluster, caplog):
    told = []
    with Staffing(Pool(), {"CPU": 1.0}, 2, 8, 1800.0, True, told.append) as staffing:
        pass_time(staffing, 1)
        staffing.pool.place(1)
        pass_time(staffing, 30)
        staffing.pool.place(1)
        pass_time(staffing, 1)
        staffing.failed_to_start(lost())
    assert told == [
        "1 of 2 workers placed; 1 pending, 20 s: going on with these",
        "all 2 workers placed",
        "a worker died while starting (the reason), starting another one in 1 s",
    ]
    assert caplog.messages == []
