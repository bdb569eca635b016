"""Kernel inducing points: windows that kernel ridge regression forecasts all others from.

Axis letters: W windows, L lookback, K locations, n rows that are fitted, m rows that are forecast.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.kernel_ridge import (
    kernel_forecast,
    lag_rows,
    seen_error,
    tangent_kernel,
    target_rows,
)
from stemdist_ray.baselines.learned import (
    Count,
    LearnedOptions,
    LearnedWindows,
    RealWindows,
    begin,
    learn,
    random_draws,
)
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.size import Sizes

_KEPT = 12  # arrays of a kernel's size that its layers keep for the backward pass, each


class KipOptions(LearnedOptions):
    """Hyper-parameters."""

    steps: Count = Field(200, description="updates")
    depth: Count = Field(3, description="hidden layers of the network of infinite width (paper: 3)")
    ridge: Annotated[float, Field(gt=0.0)] = Field(
        1e-6, description="penalty, as a share of the mean of the kernel's diagonal (paper: 1e-6)"
    )
    rows: Count = Field(
        512, description="synthetic windows of single locations per update, drawn at random"
    )
    batch: Count = Field(1000, description="real windows of single locations per update")


def inducing_windows(work: MethodWork) -> Made:
    """Learn what the kernel ridge regression on synthetic windows loses on real ones."""
    options: KipOptions = work.options
    begun = begin(work, options)
    learned, own = LearnedWindows(begun, work.device), begun.series.own_features
    locations = begun.clustering.num_clusters
    with random_draws(work) as rng:
        batches = RealWindows(work, begun, rng)

        def objective(step: int) -> Tensor:
            synthetic = learned.windows()
            rows, (targets, _) = lag_rows(synthetic, own), target_rows(synthetic)
            some = torch.from_numpy(_some(len(rows), options.rows, rng)).to(rows.device)
            rows, targets = rows[some], targets[some]
            real = batches.draw(-(-4 * options.batch // locations))
            wanted, seen = target_rows(real)
            few = torch.from_numpy(_some(len(wanted), options.batch, rng)).to(rows.device)
            forecast = kernel_forecast(
                tangent_kernel(rows, rows, options.depth),
                tangent_kernel(lag_rows(real, own)[few], rows, options.depth),
                targets,
                options.ridge,
            )
            return seen_error(forecast, wanted[few], None if seen is None else seen[few])

        return learn(learned, options, objective)


def _some(count: int, wanted: int, rng: np.random.Generator) -> np.typing.NDArray[np.int64]:
    """Positions of ``wanted`` rows, all of them where there are no more."""
    return np.sort(rng.choice(count, min(count, wanted), replace=False))


def kernel_bytes(sizes: Sizes, options: KipOptions) -> float:
    """What is held of one update: kernels of all layers in float64, with what gradients need."""
    rows = min(options.rows, sizes.windows * sizes.locations)
    return 8 * _KEPT * options.depth * rows * (rows + options.batch)


register_method(
    Method(
        name="kip",
        summary="learned windows from which kernel ridge regression forecasts real ones",
        source="Nguyen et al., ICLR 2021, arXiv:2011.00050",
        compresses="windows, or both",
        deviations="rows are the lags of one location, without the calendar; targets learned from "
        "the start",
        make=inducing_windows,
        options=KipOptions,
        needs=kernel_bytes,
    )
)
