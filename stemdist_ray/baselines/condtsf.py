"""CondTSF: trajectories are matched, and targets move towards what experts say of the inputs."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.learned import Count, random_draws
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.trajectories import (
    TrajectoryMatching,
    TrajectoryOptions,
    experts_wanted,
    trajectory_bytes,
)


class CondTSFOptions(TrajectoryOptions):
    """Besides those of the trajectories."""

    gap: Count = Field(3, description="updates from one change of the targets to the next")
    beta: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.01, description="how far the targets then go towards the expert's forecasts"
    )


def move_targets(run: TrajectoryMatching, weights: Tensor, beta: float) -> None:
    """Let targets go a part of the way to what an expert forecasts for the inputs as they are.

    Args:
        run: With the windows.
        weights: (P,) of the expert.
        beta: Which part, 0 to 1.
    """
    with torch.no_grad():
        step = run.learned.windows()
        parts = [run.forecast(weights, piece) for _, piece in step.pieces(run.piece)]
        # Base and forecast are what the expert says; the base is in the targets, too.
        run.learned.y += beta * (torch.cat(parts) - step.y)


def condensed_windows(work: MethodWork) -> Made:
    """Learn windows on which students follow the experts, and whose targets are the experts'."""
    with random_draws(work) as rng:
        run = TrajectoryMatching(work, rng)
        for number in range(1, run.options.steps + 1):
            segment = run.draw()
            run.update(segment)
            if number % work.options.gap == 0:
                move_targets(run, segment.last, work.options.beta)
    return run.made()


register_method(
    Method(
        name="condtsf",
        summary="mtt, and every few updates targets move towards the experts' forecasts",
        source="Ding et al., CondTSF, NeurIPS 2024, arXiv:2406.02131",
        compresses="windows, or both",
        deviations="those of mtt; written from the published description; trajectory loss and "
        "update of the targets both, as published",
        options=CondTSFOptions,
        experts=experts_wanted,
        needs=trajectory_bytes,
        make=condensed_windows,
    )
)
