"""The bookkeeping, with a stand-in for a GPU's recorder; tests/integration/test_gpu.py has one."""

from contextlib import contextmanager

import pytest
import torch

from stemdist_ray.training import captured as module
from stemdist_ray.training.captured import CapturedSteps
from stemdist_ray.training.steps import TrainingStep


def step_of(locations, value=1.0, observed=None):
    return TrainingStep(
        x=torch.full((2, 3, locations, 1), value),
        y=torch.zeros(2, 3, locations),
        mean_window=torch.zeros(locations, 3, 1),
        weights=torch.ones(locations),
        observed=observed,
    )


class Work:
    """One parameter whose gradient is the sum of the inputs; a replay computes it again."""

    def __init__(self, monkeypatch):
        self.parameter = torch.nn.Parameter(torch.zeros(1))
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.computed, self.replayed = [], 0
        self.recording = None
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: Graph(self))
        monkeypatch.setattr(torch.cuda, "graph", self.recorded)
        self.steps = CapturedSteps([self.parameter, self.unused], self.add)

    @contextmanager
    def recorded(self, graph, capture_error_mode):
        assert capture_error_mode == "thread_local"
        self.recording = graph
        yield
        self.recording = None

    def add(self, step):
        assert self.parameter.grad is None
        self.parameter.grad = torch.full((1,), -1.0)
        if self.recording is not None:
            self.recording.step, self.recording.out = step, self.parameter.grad
        else:
            self.computed.append(step)
            self.parameter.grad.fill_(float(step.x.sum()))

    def take(self, *args, **kwargs):
        step = step_of(*args, **kwargs)
        self.steps.gradients(step)
        assert self.parameter.grad == float(step.x.sum())
        assert self.unused.grad is None


class Graph:
    def __init__(self, work):
        self.work = work

    def replay(self):
        self.work.replayed += 1
        self.out.fill_(float(self.step.x.sum()))


@pytest.fixture
def work(monkeypatch):
    return Work(monkeypatch)


def test_a_shape_that_comes_often_is_recorded(work):
    for value in range(1, 11):
        work.take(4, value)
    assert len(work.computed) == module._BEFORE
    assert work.replayed == 10 - module._BEFORE


def test_every_shape_has_its_own_record_and_gradients(work):
    for value in range(1, 9):
        work.take(4, value)
        work.take(5, -value)
        work.take(5, -value, observed=torch.ones(2, 3, 5, dtype=torch.bool))
    assert len(work.steps.recorded) == 3
    assert work.replayed == 3 * (8 - module._BEFORE)


def test_there_is_a_bound_on_what_is_recorded(work):
    for _ in range(6):
        for locations in range(1, 8):
            work.take(locations)
    assert len(work.steps.recorded) == module._MOST
