import pytest

from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.waiting import wait_for_room


class Cluster:
    """Has room after so many seconds, by a clock that only sleeping moves."""

    def __init__(self, room_after):
        self.now, self.room_after, self.asked, self.lines = 0.0, room_after, [], []

    def plan(self):
        if self.now < self.room_after:
            raise ExecutionError("too small")
        return "plan"

    def wait(self, patience):
        return wait_for_room(
            self.plan,
            lambda: self.asked.append(self.now),
            self.lines.append,
            patience,
            lambda: self.now,
            self.sleep,
        )

    def sleep(self, seconds):
        self.now += seconds


def test_machines_are_asked_for_and_waited_for():
    cluster = Cluster(700.0)
    assert cluster.wait(1800.0) == "plan"
    assert cluster.asked == [0.0, 300.0, 600.0]
    assert cluster.lines[0] == "waiting for machines, 0 of 1800 s: too small"
    assert len(cluster.lines) == 3


def test_a_cluster_that_has_room_is_not_asked():
    cluster = Cluster(0.0)
    assert cluster.wait(1800.0) == "plan"
    assert cluster.asked == cluster.lines == []


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_patience_ends(patience):
    cluster = Cluster(1e9)
    with pytest.raises(ExecutionError, match="too small"):
        cluster.wait(patience)
    assert cluster.now == patience
