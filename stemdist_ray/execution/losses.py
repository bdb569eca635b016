"""Why workers are lost: from what Ray or a task raised to a reason, and what helps."""

from __future__ import annotations

from enum import Enum

import torch
from ray.exceptions import (
    ActorUnavailableError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
)

from stemdist_ray.errors import StemdistError


class Loss(Enum):
    """Why a task was lost with its worker."""

    MACHINE = "its machine was taken away"
    NOT_BEGUN = "died before the task began"
    UNREACHABLE = "could not be reached"
    CRASHED = "its process died"
    MEMORY = "out of memory"
    SILENT = "no sign of life"
    OVERDUE = "took too long"
    DEVICE = "device error"


_LESS_MEMORY = "use more shards, fewer workers or a smaller matching.real_batch"

ADVICE = {
    Loss.MACHINE: "machines come and go too fast for such tasks: use machines that stay, or more "
    "and smaller shards",
    Loss.NOT_BEGUN: "workers do not stay alive on this cluster: look at the log of Ray",
    Loss.UNREACHABLE: "look at the network between the driver and the machines of the cluster",
    Loss.CRASHED: f"most often that is a lack of memory: {_LESS_MEMORY}",
    Loss.MEMORY: _LESS_MEMORY,
    Loss.SILENT: "its machine hangs or swaps: look at it, use fewer workers, or raise "
    "worker.heartbeat_timeout",
    Loss.OVERDUE: "it hangs, or such tasks need longer: raise worker.task_timeout",
    Loss.DEVICE: "look at the GPUs and their driver, or set worker.num_gpus to 0",
}

# CUDA's errors are plain RuntimeErrors in many places; what they have in common is their words.
_DEVICE_WORDS = (
    *("cuda error", "cuda driver", "cuda-capable device", "cuda runtime error", "no cuda gpus"),
    *(
        "device-side assert",
        "cudnn",
        "cublas",
        "cusolver",
        "cufft",
        "cusparse",
        "nccl",
        "hip error",
    ),
    *("nvml", "uncorrectable ecc"),
)
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory")


def loss_of_raised(error: BaseException) -> Loss | None:
    """Why a task may do better on another worker; None = it would raise the same anywhere.

    Args:
        error: What the task raised.
    """
    if isinstance(error, StemdistError):
        return None
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return Loss.MEMORY
    if not isinstance(error, RuntimeError):
        return None
    words = str(error).lower()
    if any(word in words for word in _MEMORY_WORDS):
        return Loss.MEMORY
    if type(error).__name__ == "AcceleratorError" or any(word in words for word in _DEVICE_WORDS):
        return Loss.DEVICE
    return None


def loss_of_worker(error: BaseException, begun: bool) -> Loss | None:
    """Why Ray lost a worker or its result; None = that is no such error.

    Args:
        error: What Ray raised.
        begun: Whether the worker was alive after it was given the task.
    """
    if isinstance(error, OutOfMemoryError):
        return Loss.MEMORY
    if isinstance(error, ObjectLostError | NodeDiedError):
        return Loss.MACHINE
    if not isinstance(error, RayActorError):
        return None
    words = str(error).lower()
    if error.preempted or "node has died" in words or "node was terminated" in words:
        return Loss.MACHINE
    if "low on memory" in words or "memory pressure" in words:
        return Loss.MEMORY
    if isinstance(error, ActorUnavailableError):
        return Loss.UNREACHABLE
    return Loss.CRASHED if begun else Loss.NOT_BEGUN


def in_a_line(error: BaseException) -> str:
    """What of the words of an error tells most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not isinstance(error, RayActorError):
        return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    # Ray's texts are long: ids, then the reason, then how that was found out; a traceback ends in
    # the reason.
    last = lines[-1] if lines else type(error).__name__
    return (last if error.actor_init_failed else last.partition(". ")[0])[:200]
