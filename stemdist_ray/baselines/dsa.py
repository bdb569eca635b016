"""Gradient matching under augmentations that real and synthetic windows share.

Axis letters: W windows, L lookback, H horizon, K locations, F features.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from stemdist_ray.baselines.dc import DcOptions, condensed, gradient_bytes
from stemdist_ray.baselines.learned import Rate
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.training.losses import location_weights
from stemdist_ray.training.steps import TrainingStep

Augmentation = Literal["scale", "jitter", "crop", "drop"]


class DsaOptions(DcOptions):
    """Hyper-parameters."""

    augmentations: tuple[Augmentation, ...] = Field(
        ("scale", "jitter", "crop", "drop"),
        min_length=1,
        description="one of them is drawn for every batch: of the values, added noise, first lags "
        "cut off, locations left out",
    )
    scale: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.2, description="values are multiplied by 1 minus to 1 plus this (paper: 0.2)"
    )
    jitter: Rate = Field(0.1, description="standard deviation of the noise, in scaled units")
    crop: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.5, description="lags cut off at most, as a share (paper: crops of 1/8, cutouts of 1/2)"
    )
    drop: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.5, description="locations left out, as a share (paper: cutouts of 1/2)"
    )


class Siamese:
    """Draws one augmentation and applies it to two batches alike.

    Args:
        options: Which, and how strong.
        own_features: F without the calendar, which is known and stays.
    """

    def __init__(self, options: DsaOptions, own_features: int) -> None:
        self.options, self.own = options, own_features

    def __call__(
        self, real: TrainingStep, synthetic: TrainingStep, rng: np.random.Generator
    ) -> list[TrainingStep]:
        """The two batches after the same augmentation."""
        kinds = self.options.augmentations
        kind = kinds[rng.integers(len(kinds))]
        draw = rng.random(2 + real.x.shape[1] * self.own + real.x.shape[2])
        return [self.apply(kind, draw, step) for step in (real, synthetic)]

    def apply(
        self, kind: Augmentation, draw: np.typing.NDArray[np.float64], step: TrainingStep
    ) -> TrainingStep:
        """One of them.

        Args:
            kind: Which.
            draw: (2 + L F + K,) uniform numbers that decide it.
            step: The windows.
        """
        options, own = self.options, step.x[..., : self.own]
        lookback, locations = step.x.shape[1:3]
        if kind == "scale":
            factor = 1 + options.scale * (2 * draw[0] - 1)
            return self._with(replace(step, y=factor * step.y), factor * own)
        if kind == "jitter":
            noise = np.sqrt(3) * (2 * draw[2 : 2 + lookback * self.own] - 1)
            added = torch.tensor(options.jitter * noise, dtype=own.dtype, device=own.device)
            return self._with(step, own + added.view(lookback, 1, self.own))
        if kind == "crop":
            cut = int(draw[1] * options.crop * lookback)
            lags = torch.arange(lookback, device=own.device).clamp(min=cut)
            return self._with(step, own[:, lags])
        left = max(1, round((1 - options.drop) * locations))
        kept = np.sort(np.argsort(draw[-locations:])[:left])
        at = torch.as_tensor(kept, device=own.device)
        return TrainingStep(
            x=step.x[:, :, at],
            y=step.y[:, :, at],
            mean_window=step.mean_window[at],
            weights=location_weights(step.weights[at]),
            observed=None if step.observed is None else step.observed[:, :, at],
        )

    def _with(self, step: TrainingStep, own: torch.Tensor) -> TrainingStep:
        """The step with other readings as inputs."""
        return replace(step, x=torch.cat([own, step.x[..., self.own :]], dim=3))


def augmented_windows(work: MethodWork) -> Made:
    """Match gradients of windows that were augmented alike."""
    return condensed(work, Siamese(work.options, work.real.windows.own_features))


register_method(
    Method(
        name="dsa",
        summary="dc with augmentations that real and synthetic windows share",
        source="Zhao & Bilen, ICML 2021, arXiv:2102.08259",
        compresses="windows, or both",
        deviations="as dc; augmentations of series (scale, noise, first lags, locations) in place "
        "of those of images; evaluators train without them",
        make=augmented_windows,
        options=DsaOptions,
        needs=gradient_bytes,
    )
)
