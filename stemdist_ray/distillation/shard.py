"""Run one shard task: an outer iteration of STemDist on some of the synthetic locations.

The task is a pure function of its arguments. Who runs it, where, and after how many crashes
does not matter: the same task gives the same update.

Source: STemDist (arXiv:2603.10410), outer loop; a shard is a smaller instance of it.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from stemdist_ray.distillation.gradient_matching import GradientMatching
from stemdist_ray.distillation.task import ClusteredData, ShardTask, ShardUpdate
from stemdist_ray.distillation.unrolled import UnrolledTraining
from stemdist_ray.distillation.workspace import Workspace
from stemdist_ray.errors import DivergenceError
from stemdist_ray.seeding import torch_seed
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.threads import torch_threads

OBJECTIVES: dict[str, type[Workspace]] = {
    "gradient": GradientMatching,
    "unrolled": UnrolledTraining,
}


def run_shard(data: ClusteredData, task: ShardTask) -> ShardUpdate:
    """Run one shard task; pure apart from torch's thread count, which it restores.

    Raises:
        DivergenceError: The synthetic data became non-finite.
    """
    begun, seeded = time.perf_counter(), torch_seed(task.seed, "weights and dropout")
    with torch_threads(task.threads), PeakMemory() as memory, seeded:
        run = OBJECTIVES[task.matching.objective](data, task)
        objectives = [run.matching_step()]
        for _ in range(task.matching.steps - 1):
            run.train_surrogate()
            objectives.append(run.matching_step())
        state = run.synthetic.to_state()
        values = tuple(torch.stack(objectives).tolist())
    if not (np.isfinite(state.x).all() and np.isfinite(state.y).all()):
        raise DivergenceError(
            f"{task.name}: the synthetic data became non-finite; lower matching.learning_rate "
            f"(now {task.matching.learning_rate}) or matching.inner_learning_rate "
            f"(now {task.matching.inner_learning_rate})"
        )
    return ShardUpdate(
        locations=task.locations,
        state=state,
        objectives=values,
        seconds=time.perf_counter() - begun,
        peak_rss_mib=memory.peak_mib,
    )
