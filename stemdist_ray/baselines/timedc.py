"""TimeDC: spectra of trend and season are matched beside trajectories, early epochs first.

Axis letters: W windows, T steps of a whole window (lookback and horizon), K synthetic locations.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.learned import Begun, Count, Rate, random_draws
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.trajectories import (
    TrajectoryMatching,
    TrajectoryOptions,
    experts_wanted,
    trajectory_bytes,
)
from stemdist_ray.clustering.aggregate import interpolated


class TimeDCOptions(TrajectoryOptions):
    """Besides those of the trajectories."""

    frequency_weight: Rate = Field(1.0, description="of the spectra, beside the trajectories")
    real_windows: Count = Field(128, description="real windows that spectra are compared with")
    trend: Count | None = Field(
        None, description="steps of the moving average that is the trend; null = a quarter window"
    )


def decomposed(series: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Cut windows into trend, a moving average, and season, the rest; both (W, T, K).

    Args:
        series: (W, T, K).
        width: Of the average; ends are continued by their last value.
    """
    width = max(1, min(width, series.shape[1]))
    before = (width - 1) // 2
    ends = series[:, :1].expand(-1, before, -1), series[:, -1:].expand(-1, width - 1 - before, -1)
    trend = torch.cat([ends[0], series, ends[1]], dim=1).unfold(1, width, 1).mean(dim=3)
    return trend, series - trend


def spectral_distance(real: Tensor, synthetic: Tensor, width: int) -> Tensor:
    """How far mean spectra, and mean amplitudes, of trend and season are apart.

    Args:
        real: (W, T, K) windows.
        synthetic: (W', T, K) windows.
        width: Of the trend's moving average.
    """
    total = torch.zeros((), device=real.device)
    parts = zip(decomposed(real, width), decomposed(synthetic, width), strict=True)
    for own, other in parts:
        one, two = (torch.fft.rfft(part, dim=1, norm="ortho") for part in (own, other))
        means = torch.view_as_real(one.mean(dim=0) - two.mean(dim=0)).abs().mean()
        total = total + means + (one.abs().mean(dim=0) - two.abs().mean(dim=0)).abs().mean()
    return total


def whole_windows(x: Tensor, y: Tensor, target: int) -> Tensor:
    """Lookback and horizon of the target as one series: (W, L, K, F), (W, H, K) to (W, T, K)."""
    return torch.cat([x[..., target], y], dim=1)


class Spectra:
    """Compares the synthetic windows with real ones, drawn anew each time.

    Args:
        run: With the windows.
        work: With the real ones.
    """

    def __init__(self, run: TrajectoryMatching, work: MethodWork) -> None:
        self.run, self.work = run, work
        self.options: TimeDCOptions = work.options
        begun: Begun = run.learned.begun
        self.series = replace(interpolated(begun.series), calendar=None, base=None)
        length = self.series.lookback + self.series.horizon
        self.width = self.options.trend or max(3, length // 4)

    def __call__(self) -> Tensor:
        """The distance, weighted, with a graph to inputs and targets."""
        starts, target = self.work.real.starts, self.series.target
        count = min(self.options.real_windows, len(starts))
        some = self.run.rng.choice(len(starts), count, replace=False)
        batch = self.series.batch(starts[some], device=self.work.device)
        real = whole_windows(batch.x, batch.y, target)
        own = whole_windows(self.run.learned.x, self.run.learned.y, target)
        weight: float = self.options.frequency_weight
        return weight * spectral_distance(real, own, self.width)


def condensed_windows(work: MethodWork) -> Made:
    """Learn windows with the real spectra on which students follow ever older experts."""
    with random_draws(work) as rng:
        run = TrajectoryMatching(work, rng)
        spectra, steps = Spectra(run, work), run.options.steps
        for number in range(1, steps + 1):
            # The curriculum: what a training learns first is matched first.
            latest = round(run.options.latest_start * number / steps)
            run.update(run.draw(latest), spectra)
    return run.made()


register_method(
    Method(
        name="timedc",
        summary="mtt from early to late epochs, beside spectra of trend and season",
        source="Miao et al., Less Is More (TimeDC), PVLDB 18(2) 2024, arXiv:2410.20905",
        compresses="windows, or both",
        deviations="those of mtt; written from the published description; spectra of the windows "
        "themselves (trend: a moving average), not of features of a learned extractor",
        options=TimeDCOptions,
        experts=experts_wanted,
        needs=trajectory_bytes,
        make=condensed_windows,
    )
)
