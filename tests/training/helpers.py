"""Workers of a training without Ray, and what two trainings must have in common."""

import threading

import pytest
import torch

from stemdist_ray.training.group import LocalGroup, load_state
from stemdist_ray.training.loop import TrainingLoop


def assert_close(one, other):
    assert one["epoch"] == other["epoch"]
    assert one["best_epoch"] == other["best_epoch"]
    for (a, first), (b, second) in zip(one["history"], other["history"], strict=True):
        assert a == b
        assert first == pytest.approx(second, rel=1e-4)
    for name, value in one["best_weights"].items():
        torch.testing.assert_close(value, other["best_weights"][name], rtol=1e-3, atol=1e-5)


def alone(work, path):
    TrainingLoop(work, LocalGroup(path), "cpu").run()
    return load_state(path)


class Threads:
    """Workers that are threads of this process."""

    def __init__(self, size):
        self.size = size
        self.barrier = threading.Barrier(size)
        self.values = [None] * size
        self.states = []

    def members(self):
        return [_Member(self, rank) for rank in range(self.size)]


class _Member:
    def __init__(self, team, rank):
        self.team, self.rank, self.size = team, rank, team.size

    def all_reduce(self, values):
        self.team.values[self.rank] = values.clone()
        self.team.barrier.wait()
        total = sum(self.team.values)
        self.team.barrier.wait()
        values.copy_(total)

    def report(self, record, state):
        assert (state is not None) == (self.rank == 0)
        if state is not None:
            self.team.states.append(state)

    def restore(self):
        return None
