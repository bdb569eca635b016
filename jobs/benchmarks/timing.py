"""Time two ways of doing one thing side by side, and what each needs of the machine."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from stemdist_ray.errors import ExecutionError
from stemdist_ray.system.memory import peak_rss_mib

Work = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """Seconds of two ways, measured in turns.

    Args:
        fast: Median seconds of the first way.
        slow: Median seconds of the second way.
        ratio: Median over turns of slow / fast; neighbours in time share the machine's mood.
    """

    fast: float
    slow: float
    ratio: float


def seconds(work: Work, sync: Work = lambda: None) -> float:
    """Wall seconds of one call.

    Args:
        work: What to time.
        sync: Waits for an accelerator to finish.
    """
    sync()
    begun = time.perf_counter()
    work()
    sync()
    return time.perf_counter() - begun


def time_alone(work: Work, repeats: int, sync: Work = lambda: None) -> float:
    """Median seconds over ``repeats`` calls, after one that warms up."""
    work()
    return statistics.median(seconds(work, sync) for _ in range(repeats))


def time_pair(fast: Work, slow: Work, repeats: int, sync: Work = lambda: None) -> Pair:
    """Time two ways in turns, after one call of each that warms up."""
    fast(), slow()
    turns = [(seconds(fast, sync), seconds(slow, sync)) for _ in range(repeats)]
    return Pair(
        fast=statistics.median(f for f, _ in turns),
        slow=statistics.median(s for _, s in turns),
        ratio=statistics.median(s / f for f, s in turns),
    )


def gemm_peak(device: str = "cpu", size: int = 2048, repeats: int = 7) -> float:
    """Best measured float32 matrix product of this machine, GFLOP/s (TF32 stays off)."""
    left = torch.randn(size, size, device=device)
    sync = synchronizer(device)
    torch.mm(left, left)
    best = min(seconds(lambda: torch.mm(left, left), sync) for _ in range(repeats))
    return 2 * size**3 / best / 1e9


def synchronizer(device: str) -> Work:
    """A call that waits until the device is done."""
    return torch.cuda.synchronize if device.startswith("cuda") else lambda: None


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up dense products and convolutions (sparse ones are left out).

    torch's own FlopCounterMode also follows modules, by hooks that fail in a double backward.
    """

    total = 0

    def __torch_dispatch__(  # type: ignore[override]
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        in_place = {torch.ops.aten.addmm_: torch.ops.aten.addmm}
        formula = flop_registry.get(in_place.get(packet, packet))
        dense = all(a.layout is torch.strided for a in args if isinstance(a, torch.Tensor))
        if formula is not None and dense:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def count_flops(work: Work) -> int:
    """Floating-point operations in dense products and convolutions of one call."""
    with _FlopCounter() as counter:  # type: ignore[no-untyped-call]
        work()
    return int(counter.total)


def peak_in_fresh_process(work: Callable[..., object], *args: Any) -> float:
    """Peak resident memory of a process that does nothing else, MiB.

    Args:
        work: A module-level function.
        *args: Its arguments.

    Raises:
        ExecutionError: The process failed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run_and_report, args=(sender, work, args))
    process.start()
    sender.close()
    try:
        peak: float = receiver.recv()
    except EOFError as error:
        process.join()
        raise ExecutionError(
            f"{work.__name__}{args} ended with exit code {process.exitcode} while its memory was "
            "measured"
        ) from error
    process.join()
    return peak


def _run_and_report(sender: Any, work: Callable[..., object], args: tuple[Any, ...]) -> None:
    work(*args)
    sender.send(peak_rss_mib())
    sender.close()
