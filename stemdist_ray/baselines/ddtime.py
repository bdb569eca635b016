"""DDTime: spectra of targets follow the experts', windows differ, beside trajectories.

Axis letters: W windows, H horizon, K synthetic locations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.learned import Rate, random_draws
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.trajectories import (
    Segment,
    TrajectoryMatching,
    TrajectoryOptions,
    experts_wanted,
    trajectory_bytes,
)


class DDTimeOptions(TrajectoryOptions):
    """Besides those of the trajectories."""

    value_weight: Rate = Field(1.0, description="of the targets' distance from the experts'")
    alpha: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.5, description="share of that distance that is measured on spectra, the rest in time"
    )
    diversity_weight: Rate = Field(0.1, description="of the similarity between windows")


def spectral_alignment(forecast: Tensor, target: Tensor, alpha: float) -> Tensor:
    """Distance of targets from forecasts, steps of the horizon taken apart by their frequencies.

    Errors of neighbouring steps go together; those of frequencies hardly do.

    Args:
        forecast: (W, H, K).
        target: (W, H, K).
        alpha: Share of the spectral part: mean of absolute differences; the rest is that of
            squares in time.
    """
    apart = forecast - target
    spectrum = torch.view_as_real(torch.fft.rfft(apart, dim=1, norm="ortho")).abs().mean()
    return alpha * spectrum + (1 - alpha) * apart.square().mean()


def similarity(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared cosine between different windows, inputs and targets together; 0 for one.

    Args:
        x: (W, L, K, F).
        y: (W, H, K).
    """
    count = len(x)
    if count < 2:
        return torch.zeros((), device=x.device)
    flat = torch.cat([x.flatten(1), y.flatten(1)], dim=1)
    unit = torch.nn.functional.normalize(flat - flat.mean(dim=0), dim=1)
    cosines = unit @ unit.T
    own = torch.eye(count, device=x.device)
    return (cosines * (1 - own)).square().sum() / (count * (count - 1))


class ValueAndDiversity:
    """What is added to the trajectories' objective.

    Args:
        run: With the windows.
        options: Weights.
        segment: Of the expert whose forecasts count.
    """

    def __init__(self, run: TrajectoryMatching, options: DDTimeOptions, segment: Segment) -> None:
        self.run, self.options, self.segment = run, options, segment

    def __call__(self) -> Tensor:
        """The sum, with a graph to inputs and targets."""
        run, options = self.run, self.options
        # As many windows as a student's step takes, so that its memory does for this, too.
        count = min(len(run.learned.x), options.batch or run.piece, run.piece)
        rows = torch.from_numpy(np.sort(run.rng.choice(len(run.learned.x), count, replace=False)))
        step = run.learned.windows()
        some = replace(step, x=step.x[rows], y=step.y[rows])
        forecast = run.forecast(self.segment.last, some)
        value = spectral_alignment(forecast, some.y, options.alpha)
        alike = similarity(run.learned.x, run.learned.y)
        return options.value_weight * value + options.diversity_weight * alike


def condensed_windows(work: MethodWork) -> Made:
    """Learn windows that differ, with the experts' spectra, on which students follow them."""
    with random_draws(work) as rng:
        run = TrajectoryMatching(work, rng)
        for _ in range(run.options.steps):
            segment = run.draw()
            run.update(segment, ValueAndDiversity(run, work.options, segment))
    return run.made()


register_method(
    Method(
        name="ddtime",
        summary="mtt, beside targets whose spectra are the experts' and windows that differ",
        source="Li et al., DDTime, arXiv:2511.16715",
        compresses="windows, or both",
        deviations="those of mtt; written from the published description: value term in the "
        "frequency domain, similarity between windows for the information bottleneck",
        options=DDTimeOptions,
        experts=experts_wanted,
        needs=trajectory_bytes,
        make=condensed_windows,
    )
)
