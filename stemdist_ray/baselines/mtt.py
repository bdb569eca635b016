"""Matching training trajectories."""

from __future__ import annotations

from stemdist_ray.baselines.learned import random_draws
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.trajectories import (
    TrajectoryMatching,
    TrajectoryOptions,
    experts_wanted,
    trajectory_bytes,
)


def trajectory_windows(work: MethodWork) -> Made:
    """Learn windows on which students follow the experts."""
    with random_draws(work) as rng:
        run = TrajectoryMatching(work, rng)
        for _ in range(run.options.steps):
            run.update(run.draw())
    return run.made()


register_method(
    Method(
        name="mtt",
        summary="windows on which a training goes where trainings on the real data go",
        source="Cazenavette et al., CVPR 2022, arXiv:2203.11932",
        compresses="windows, or both",
        deviations="no classes, whole batches; fewer experts and updates; an epoch of an expert is "
        "some sampled steps; targets are learned, too; Adam learns, the step size by its logarithm",
        options=TrajectoryOptions,
        experts=experts_wanted,
        needs=trajectory_bytes,
        make=trajectory_windows,
    )
)
