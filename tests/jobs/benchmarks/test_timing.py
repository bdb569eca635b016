import os
import time

import numpy as np
import pytest
import torch

from jobs.benchmarks.timing import (
    count_flops,
    gemm_peak,
    peak_in_fresh_process,
    time_alone,
    time_pair,
)
from stemdist_ray.errors import ExecutionError


def test_pair_takes_turns_and_gives_the_ratio():
    calls = []
    pair = time_pair(
        lambda: calls.append("f"), lambda: (calls.append("s"), time.sleep(0.02)), repeats=3
    )
    assert calls == ["f", "s"] * 4  # the first turn warms up
    assert pair.slow >= 0.02
    assert pair.ratio > 1


def test_time_alone_warms_up():
    calls = []
    assert time_alone(lambda: calls.append(1), repeats=2) >= 0
    assert len(calls) == 3


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
