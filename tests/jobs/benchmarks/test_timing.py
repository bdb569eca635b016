import os

import numpy as np
import pytest
import torch

from jobs.benchmarks import timing
from jobs.benchmarks.timing import (
    count_flops,
    gemm_peak,
    peak_in_fresh_process,
    time_alone,
    time_pair,
)
from stemdist_ray.errors import ExecutionError


class Clock:
    """Goes on only where work says so."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def perf_counter(self):
        return self.now

    def work(self, name, *seconds):
        """Work that takes so long, call by call."""
        left = list(seconds)

        def run():
            self.calls.append(name)
            self.now += left.pop(0)

        return run


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_pair_takes_turns_and_gives_the_ratio(clock):
    pair = time_pair(clock.work("f", 9, 1, 1, 2), clock.work("s", 9, 4, 3, 4), repeats=3)
    assert clock.calls == ["f", "s"] * 4  # the first turn warms up
    assert (pair.fast, pair.slow) == (1, 4)
    assert pair.ratio == 3  # the median of 4, 3 and 2


def test_time_alone_warms_up(clock):
    assert time_alone(clock.work("f", 9, 1, 3), repeats=2) == 2
    assert clock.calls == ["f"] * 3


def test_an_accelerator_is_waited_for(clock):
    sync = clock.work("sync", *[0.5] * 4)
    assert time_alone(clock.work("f", 9, 1, 1), repeats=2, sync=sync) == 1.5
    assert clock.calls == ["f", *["sync", "f", "sync"] * 2]


def test_flops_of_a_product():
    left, right = torch.randn(3, 5), torch.randn(5, 7)
    once = 2 * 3 * 5 * 7
    assert count_flops(lambda: left @ right) == once
    out = torch.zeros(3, 7)
    assert count_flops(lambda: torch.mm(left, right, out=out)) == once
    assert count_flops(lambda: out.addmm_(left, right)) == once


def test_flops_of_a_double_backward():
    x = torch.randn(3, 5, requires_grad=True)
    weight = torch.randn(5, 7, requires_grad=True)

    def work():
        (first,) = torch.autograd.grad((x @ weight).square().sum(), weight, create_graph=True)
        torch.autograd.grad(first.square().sum(), x)

    assert count_flops(work) >= 4 * 2 * 3 * 5 * 7


def test_gemm_peak_is_positive():
    assert gemm_peak(size=64, repeats=2) > 0


@pytest.mark.slow  # fresh processes
def test_peak_is_that_of_the_work_alone():
    ballast = np.ones(40 * 2**20, np.uint8)  # must not be counted
    small = peak_in_fresh_process(allocate, 1)
    large = peak_in_fresh_process(allocate, 200)
    assert 150 < large - small < 300
    assert ballast[0] == 1


def test_a_failing_process_is_reported():
    with pytest.raises(ExecutionError, match=r"leave\(3,\) ended with exit code 3"):
        peak_in_fresh_process(leave, 3)


def allocate(mebibytes):
    return np.ones(mebibytes * 2**20, np.uint8).sum()


def leave(code):
    os._exit(code)
