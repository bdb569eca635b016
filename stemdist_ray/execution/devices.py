"""Where tasks compute."""

from __future__ import annotations

from typing import Any

import torch

from stemdist_ray.config import DistillConfig, TrainConfig, WorkerConfig
from stemdist_ray.errors import ExecutionError


def worker_device(config: DistillConfig | TrainConfig) -> str:
    """Where tasks compute: "cuda" when workers get a GPU share.

    Raises:
        ExecutionError: A GPU is asked for in a serial run and there is none.
    """
    if config.worker.num_gpus == 0:
        return "cpu"
    if config.worker.num_workers == 0 and not torch.cuda.is_available():
        raise ExecutionError(
            f"worker.num_gpus is {config.worker.num_gpus:g} but this machine has no usable GPU; "
            "set it to 0, or use workers on a cluster with GPUs"
        )
    return "cuda"


def in_this_process(worker: WorkerConfig) -> dict[str, Any]:
    """Settings that change workers to this process: on its GPU, or on the CPU where it has none.

    The head of a cluster often has no GPU; what is computed there must not ask for one.
    """
    return {"num_workers": 0, "num_gpus": worker.num_gpus if torch.cuda.is_available() else 0.0}
