"""The kernels whose cost is the cost of distilling: training step, double backward, evaluation.

Axis letters: W windows, L lookback, H horizon, N locations.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jobs.benchmarks.timing import (
    Work,
    count_flops,
    gemm_peak,
    peak_in_fresh_process,
    synchronizer,
    time_alone,
    time_pair,
)
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.gradient_matching import gradient_distance
from stemdist_ray.evaluation.predict import windows_per_batch
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.progress import Reporter
from stemdist_ray.training.steps import mean_window_of

SHAPE = WindowShape(lookback=12, horizon=12, num_features=1)
REFERENCE_BATCH = 16  # windows the reference evaluates at a time


@dataclass(frozen=True)
class Case:
    """One kernel at one size.

    Args:
        kernel: "training_step", "double_backward" or "evaluation".
        windows: W.
        locations: N.
        compare: Whether the reference takes part (at large N it would need too much memory).
    """

    kernel: str
    windows: int
    locations: int
    compare: bool = True

    @property
    def name(self) -> str:
        """E.g. "42x40 training_step"."""
        return f"{self.windows}x{self.locations} {self.kernel}"


CASES = (
    Case("training_step", 42, 40),
    Case("double_backward", 42, 40),
    Case("training_step", 118, 59),
    Case("double_backward", 118, 59),
    Case("evaluation", 16, 2352),
    Case("evaluation", 16, 8600, compare=False),
)


@dataclass(frozen=True)
class KernelResult:
    """What one case took.

    Args:
        name: Of the case.
        seconds: Median of the fast way.
        reference_seconds: Median of the reference, None where it did not take part.
        ratio: Reference / fast, median over turns.
        peak_mib: Peak memory of a process that runs the fast way alone; on a GPU, of the GPU.
        reference_peak_mib: The same of the reference.
        idle_mib: Memory of such a process with the libraries loaded and nothing done.
        gflop: Dense arithmetic of the fast way.
        gflops: Achieved, GFLOP/s.
        floor_seconds: What its dense arithmetic alone takes at the measured peak of products.
    """

    name: str
    seconds: float
    reference_seconds: float | None
    ratio: float | None
    peak_mib: float
    reference_peak_mib: float | None
    idle_mib: float
    gflop: float
    gflops: float
    floor_seconds: float


def run_kernels(
    reference: str, cases: tuple[Case, ...], repeats: int, device: str, reporter: Reporter
) -> tuple[list[KernelResult], float]:
    """Measure all cases.

    Args:
        reference: "module:function" that turns a library MTGNN into its plain twin.
        cases: What to measure.
        repeats: Turns per case.
        device: "cpu" or "cuda".
        reporter: Is told about each finished case.

    Returns:
        One result per case, and the measured peak of matrix products in GFLOP/s.
    """
    peak, idle = gemm_peak(device), _peak(device, _idle)
    results = []
    for case in cases:
        results.append(_measure(case, reference, repeats, device, idle, peak))
        reporter.say(f"{case.name}: done")
        reporter.advance()
    return results, peak


def _measure(
    case: Case, reference: str, repeats: int, device: str, idle: float, gemm: float
) -> KernelResult:
    sync, threads = synchronizer(device), torch.get_num_threads()
    fast = build_work(case, device, None)
    if case.compare:
        pair = time_pair(fast, build_work(case, device, reference), repeats, sync)
        elapsed, slow, ratio = pair.fast, pair.slow, pair.ratio
        slow_peak = _peak(device, run_once, case, device, reference, threads)
    else:
        elapsed, slow, ratio, slow_peak = time_alone(fast, repeats, sync), None, None, None
    gflop = count_flops(fast) / 1e9
    return KernelResult(
        name=case.name,
        seconds=elapsed,
        reference_seconds=slow,
        ratio=ratio,
        peak_mib=_peak(device, run_once, case, device, None, threads),
        reference_peak_mib=slow_peak,
        idle_mib=idle,
        gflop=gflop,
        gflops=gflop / elapsed,
        floor_seconds=gflop / gemm,
    )


def _peak(device: str, work: Callable[..., object], *args: object) -> float:
    if not device.startswith("cuda"):
        return peak_in_fresh_process(work, *args)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work(*args)
    return torch.cuda.max_memory_allocated() / 2**20


def _idle() -> None:
    torch.mm(torch.ones(8, 8), torch.ones(8, 8))


def run_once(case: Case, device: str, reference: str | None, threads: int) -> None:
    """Build a case and run it once; the unit whose memory is measured."""
    torch.set_num_threads(threads)
    build_work(case, device, reference)()


def build_work(case: Case, device: str, reference: str | None) -> Work:
    """Build the work of a case, with the library's forecaster or with the reference."""
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(name="mtgnn"), SHAPE).to(device)
    if reference is not None:
        module, function = reference.split(":")
        model = getattr(importlib.import_module(module), function)(model)
    x = torch.randn(case.windows, SHAPE.lookback, case.locations, 1, device=device)
    y = torch.randn(case.windows, SHAPE.horizon, case.locations, device=device)
    return {
        "training_step": training_step,
        "double_backward": double_backward,
        "evaluation": evaluation if reference is None else reference_evaluation,
    }[case.kernel](model, x, y)


def training_step(model: Forecaster, x: Tensor, y: Tensor) -> Work:
    """Forward with dropout, backward, Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    own_mean = mean_window_of(x)

    def work() -> None:
        model.train()
        loss = (model(x, own_mean) - y).square().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return work


def double_backward(model: Forecaster, x: Tensor, y: Tensor) -> Work:
    """Gradient of the gradient distance with respect to synthetic inputs and targets."""
    model.eval()
    parameters = list(model.parameters())
    wanted = [torch.randn_like(p) for p in parameters]

    def work() -> tuple[Tensor, ...]:
        learned, targets = x.clone().requires_grad_(), y.clone().requires_grad_()
        loss = (model(learned, mean_window_of(learned)) - targets).square().mean()
        have = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
        return torch.autograd.grad(gradient_distance(wanted, have), [learned, targets])

    return work


def evaluation(model: Forecaster, x: Tensor, y: Tensor) -> Work:
    """Forecast all windows for all locations, in batches that fit the memory budget."""
    del y
    return _forecast_all(model, x, windows_per_batch(model, x.shape[2]))


def reference_evaluation(model: Forecaster, x: Tensor, y: Tensor) -> Work:
    """The same in batches of a fixed number of windows."""
    del y
    return _forecast_all(model, x, REFERENCE_BATCH)


def _forecast_all(model: Forecaster, x: Tensor, batch: int) -> Work:
    model.eval()
    own_mean = mean_window_of(x)

    def work() -> Tensor:
        with torch.no_grad():
            state = model.encode(own_mean)
            pieces = [model.predict(part, state) for part in torch.split(x, batch)]
        return torch.cat(pieces)

    return work


def default_threads() -> int:
    """Threads to measure with: all cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
