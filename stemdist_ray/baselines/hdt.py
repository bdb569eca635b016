"""HDT: one long series per location, learned as the coefficients of its strongest harmonics.

What is learned is not windows but a series, and of that the Fourier coefficients, so every update
changes all of it and keeps its periods whole. The data set holds the windows that are cut from it.

Axis letters: T steps of the long series, W windows, L lookback, H horizon, K synthetic locations,
F features, C its harmonics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.dc import gradient_gap
from stemdist_ray.baselines.learned import (
    Begun,
    Count,
    LearnedOptions,
    LearnedWindows,
    Rate,
    RealWindows,
    begin,
    fresh_network,
    random_draws,
    train_network,
)
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.clustering.aggregate import interpolated
from stemdist_ray.distillation.start import unlearned
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.errors import DivergenceError
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.training.steps import TrainingStep

# The graph of a gradient keeps up to seven times what forecasters say that a forward pass does.
_SECOND_ORDER = 8


class HDTOptions(LearnedOptions):
    """Of the harmonics, and of what they are matched by."""

    steps: Count = Field(200, description="updates of the coefficients")
    harmonics: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.25, description="share of the harmonics that is kept, the strongest of each location"
    )
    learning_rate: Rate = Field(
        1e-3, description="Adam rate of the coefficients: amplitudes, in scaled units"
    )
    harmonic_weight: Rate = Field(1.0, description="of the amplitudes, beside the gradients")
    segments: Count = Field(16, description="real stretches whose mean amplitudes are matched")
    batch: Count = Field(16, description="windows, real and synthetic, per update")
    network_every: Count = Field(20, description="updates after which a new network matches")
    network_steps: Annotated[int, Field(ge=0)] = Field(
        5, description="training steps of the network between updates"
    )
    network_rate: Rate = Field(2e-3, description="Adam rate of the network")


@dataclass(frozen=True)
class Stretch:
    """Which steps the long series stands for.

    Args:
        first: Step of the train split that it begins with.
        length: T.
        starts: (W,) first steps of the windows that are cut from it, counted from its own first.
    """

    first: int
    length: int
    starts: npt.NDArray[np.int64]


def stretch_of(windows: int, steps: int, length: int, rng: np.random.Generator) -> Stretch:
    """Lay windows end to end, closer where the train split is too short for that.

    Args:
        windows: W.
        steps: Of the train split.
        length: Of a window, L + H.
        rng: Draws where the stretch begins.
    """
    apart = max(1, min(length, (steps - length) // max(1, windows - 1)))
    whole = (windows - 1) * apart + length
    return Stretch(
        first=int(rng.integers(steps - whole + 1)),
        length=whole,
        starts=np.arange(windows, dtype=np.int64) * apart,
    )


class HarmonicSeries:
    """A long series as the coefficients of its strongest harmonics.

    Args:
        series: (T, K, F) that it is at first, but for the harmonics that are left out.
        share: Of the harmonics that is kept; the mean is kept always.
        device: Where it lives.

    Attributes:
        kept: (C, K, F) which harmonics these are.
        coefficients: (C, K, F, 2) real and imaginary parts, in the series' units; a leaf.
    """

    def __init__(
        self, series: npt.NDArray[np.float32], share: float, device: torch.device | str
    ) -> None:
        self.length = len(series)
        spectrum = torch.fft.rfft(torch.tensor(series, device=device), dim=0, norm="forward")
        self.all = len(spectrum)
        count = max(1, round(share * self.all))
        strength = spectrum.abs()
        strength[0] = torch.inf
        self.kept = strength.topk(count, dim=0).indices.sort(dim=0).values
        found = torch.view_as_real(spectrum.gather(0, self.kept))
        self.coefficients = found.clone().requires_grad_()

    def series(self) -> Tensor:
        """(T, K, F), with a graph to the coefficients."""
        own = torch.view_as_complex(self.coefficients)
        whole = torch.zeros((self.all, *own.shape[1:]), dtype=own.dtype, device=own.device)
        whole = whole.scatter(0, self.kept, own)
        series: Tensor = torch.fft.irfft(whole, n=self.length, dim=0, norm="forward")
        return series

    def amplitudes(self) -> Tensor:
        """Those of the harmonics that are kept, (C, K, F)."""
        # The slope of a root at zero has no bound.
        return (self.coefficients.square().sum(dim=3) + 1e-12).sqrt()


def mean_amplitudes(
    series: npt.NDArray[np.float32], length: int, count: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Mean amplitudes of some stretches of a real series, by harmonic.

    Args:
        series: (T', K, F).
        length: T of a stretch.
        count: Stretches, drawn at random.
        rng: Draws them.

    Returns:
        (T // 2 + 1, K, F) float32.
    """
    total = np.zeros((length // 2 + 1, *series.shape[1:]), np.float64)
    for first in rng.integers(len(series) - length + 1, size=count):
        total += np.abs(np.fft.rfft(series[first : first + length], axis=0, norm="forward"))
    return (total / count).astype(np.float32)


class HarmonicMatching:
    """A long series that is learned by matching gradients and amplitudes.

    Args:
        work: The real windows.
        rng: Draws everything.

    Attributes:
        objectives: Of every update so far.
    """

    def __init__(self, work: MethodWork, rng: np.random.Generator) -> None:
        self.work, self.rng = work, rng
        self.options: HDTOptions = work.options
        begun = begin(work, self.options)
        source = begun.series
        own = source.lookback + source.horizon
        stretch = stretch_of(work.num_windows, len(source.inputs), own, rng)
        parts = unlearned(source, stretch.first + stretch.starts)
        self.begun: Begun = replace(begun, state=parts[0], known=parts[1])
        readings = interpolated(source).inputs
        part = readings[stretch.first : stretch.first + stretch.length]
        self.long = HarmonicSeries(part, self.options.harmonics, work.device)
        wanted = mean_amplitudes(readings, stretch.length, self.options.segments, rng)
        self.wanted = torch.tensor(wanted, device=work.device).gather(0, self.long.kept)
        rows = torch.from_numpy(stretch.starts[:, None] + np.arange(own)).to(work.device)
        self.rows_in, self.rows_out = rows[:, : source.lookback], rows[:, source.lookback :]
        self.target = source.target
        self.learned = LearnedWindows(self.begun, work.device)
        self.real = RealWindows(work, self.begun, rng)
        self.optimizer = torch.optim.Adam([self.long.coefficients], lr=self.options.learning_rate)
        self.objectives: list[Tensor] = []
        self._renew_network()

    def cut(self) -> tuple[Tensor, Tensor]:
        """The windows: (W, L, K, F) and (W, H, K), with a graph to the coefficients."""
        series = self.long.series()
        return series[self.rows_in], series[self.rows_out][..., self.target]

    def update(self) -> None:
        """Take one step of Adam on the coefficients."""
        if self.objectives and len(self.objectives) % self.options.network_every == 0:
            self._renew_network()
        self.optimizer.zero_grad()
        objective = self.objective()
        torch.autograd.backward(objective)
        self.optimizer.step()
        self.objectives.append(objective.detach())
        with torch.no_grad():
            step = self._some(self.learned.windows_of(*self.cut()))
        train_network(self.model, self.optimizer_of_network, step, self.options.network_steps)

    def objective(self) -> Tensor:
        """Mean distance of gradients, and of amplitudes, on windows drawn anew."""
        real = self.real.draw(self.options.batch)
        own = self._some(self.learned.windows_of(*self.cut()))
        # A mean over rows, so that the weight of the amplitudes is that of any forecaster.
        rows = sum(len(p) for p in self.model.parameters() if p.ndim >= 2)
        apart = (self.long.amplitudes() - self.wanted).abs().mean()
        return gradient_gap(self.model, real, own) / rows + self.options.harmonic_weight * apart

    def made(self) -> Made:
        """The windows of the series as it is now.

        Raises:
            DivergenceError: It became non-finite.
        """
        x, y = (part.detach().cpu().numpy() for part in self.cut())
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise DivergenceError(
                "the series of method hdt became non-finite; lower method_options.learning_rate "
                f"(now {self.options.learning_rate:g})"
            )
        objectives = tuple(torch.stack(self.objectives).tolist())
        state = SyntheticState.fresh(x, y)
        return Made(self.begun.clustering, state, self.begun.known, objectives)

    def _some(self, step: TrainingStep) -> TrainingStep:
        count, wanted = len(step.x), self.options.batch
        if wanted >= count:
            return step
        rows = torch.from_numpy(np.sort(self.rng.choice(count, wanted, replace=False)))
        return replace(step, x=step.x[rows], y=step.y[rows])

    def _renew_network(self) -> None:
        self.model: Forecaster = fresh_network(self.work, self.begun)
        rate = self.options.network_rate
        self.optimizer_of_network = torch.optim.Adam(self.model.parameters(), lr=rate)


def gradient_bytes(sizes: Sizes, options: Any) -> float:
    """What is held of one update: the graph of a gradient of a batch, and the long series."""
    length = sizes.windows * (sizes.shape.lookback + sizes.shape.horizon)
    series = 8 * 4 * length * sizes.locations * sizes.shape.num_features
    return _SECOND_ORDER * sizes.pass_bytes(min(options.batch, sizes.windows)) + series


def harmonic_windows(work: MethodWork) -> Made:
    """Learn one long series per location, and cut windows from it."""
    with random_draws(work) as rng:
        run = HarmonicMatching(work, rng)
        for _ in range(run.options.steps):
            run.update()
    return run.made()


register_method(
    Method(
        name="hdt",
        summary="one long series per location, learned as its strongest harmonics, cut to windows",
        source="Hong et al., Harmonic Dataset Distillation (HDT), AAAI 2026, arXiv:2603.03760",
        compresses="windows, or both",
        deviations="written from the published description; gradients matched on sampled windows, "
        "amplitudes with the mean of real stretches; windows are stored, not the coefficients",
        options=HDTOptions,
        make=harmonic_windows,
        needs=gradient_bytes,
    )
)
