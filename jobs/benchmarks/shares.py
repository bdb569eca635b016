"""Where the time of a kernel goes: torch's operators in a few groups."""

from __future__ import annotations

import os

# Before the profiler is loaded: it would tell of its starts and stops on standard error.
os.environ.setdefault("KINETO_LOG_LEVEL", "5")

from torch.profiler import ProfilerActivity, profile

from jobs.benchmarks.timing import Work

_PRODUCTS = ("mm", "addmm", "addmm_", "bmm", "baddbmm", "sampled_addmm", "convolution")
_COPIES = ("copy_", "_to_copy", "cat", "clone", "fill_", "zero_", "index", "scatter_", "topk")
_RANDOM = ("random_", "bernoulli_", "uniform_", "normal_")
_REDUCTIONS = ("sum", "mean", "_softmax", "_softmax_backward_data", "cumsum", "sort")
_ELEMENTWISE = (
    *("add", "add_", "mul", "mul_", "sub", "div", "div_", "neg", "pow", "sqrt", "rsqrt", "exp"),
    *("sigmoid", "sigmoid_backward", "tanh", "tanh_backward", "relu", "threshold_backward"),
    *("addcmul", "addcdiv_", "lerp", "lerp_", "ge", "lt", "where", "clamp_min", "rsub", "abs"),
    "_fused_adam_",
)
GROUPS = {
    "matrix products": _PRODUCTS,
    "elementwise": _ELEMENTWISE,
    "reductions": _REDUCTIONS,
    "copies": _COPIES,
    "random numbers": _RANDOM,
}
REST = "bookkeeping"


def time_shares(work: Work, repeats: int) -> dict[str, float]:
    """Share of the CPU time of ``work`` that each group of operators takes, the largest first.

    What belongs to no group (views, allocation, autograd's engine, Python) is "bookkeeping".

    Args:
        work: What to profile; called once to warm up.
        repeats: Calls that count.
    """
    work()
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(repeats):
            work()
    group_of = {f"aten::{name}": group for group, names in GROUPS.items() for name in names}
    seconds = dict.fromkeys([*GROUPS, REST], 0.0)
    for event in record.key_averages():
        name = "aten::convolution" if "conv" in event.key else event.key
        seconds[group_of.get(name, REST)] += event.self_cpu_time_total
    total = sum(seconds.values()) or 1.0
    return dict(sorted(((g, s / total) for g, s in seconds.items()), key=lambda item: -item[1]))
