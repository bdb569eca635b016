"""Where tasks compute."""

from __future__ import annotations

import torch

from stemdist_ray.config import DistillConfig, TrainConfig
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
