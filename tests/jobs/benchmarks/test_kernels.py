import pytest
import torch

from jobs.benchmarks.kernels import CASES, Case, build_work, run_kernels
from jobs.benchmarks.timing import count_flops
from stemdist_ray.progress import SilentReporter

TWIN = "tests.reference.mtgnn:plain_twin"


def test_bars_have_their_cases():
    names = {case.name for case in CASES}
    assert {"42x40 training_step", "42x40 double_backward", "118x59 training_step"} <= names
    assert {"16x2352 evaluation", "16x8600 evaluation"} <= names


@pytest.mark.parametrize("kernel", ["double_backward", "evaluation"])
def test_both_ways_do_the_same_work(kernel):
    case = Case(kernel, 3, 24)
    fast, plain = build_work(case, "cpu", None)(), build_work(case, "cpu", TWIN)()
    fast, plain = ((t,) if isinstance(t, torch.Tensor) else t for t in (fast, plain))
    for a, b in zip(fast, plain, strict=True):
        assert b.abs().max() > 0
        torch.testing.assert_close(a, b, rtol=2e-3, atol=1e-4 * float(b.abs().max()))


def test_training_step_does_less_arithmetic_than_the_reference():
    case = Case("training_step", 3, 24)
    fast, plain = (count_flops(build_work(case, "cpu", way)) for way in (None, TWIN))
    assert 0 < fast < plain


@pytest.mark.slow  # a fresh process for every peak of memory
def test_results_hold_both_sides():
    cases = (Case("training_step", 2, 6), Case("evaluation", 2, 6, compare=False))
    results, peak = run_kernels(TWIN, cases, 1, "cpu", SilentReporter())
    step, alone = results
    assert step.name == "2x6 training_step"
    assert step.ratio > 0
    assert step.reference_seconds > 0
    assert alone.ratio is None
    assert alone.reference_peak_mib is None
    assert step.peak_mib > step.idle_mib > 50
    assert step.gflops > 0
    assert peak > 0
