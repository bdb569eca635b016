"""What methods share that learn windows: where they begin, what they learn, what they learn from.

A method begins with real windows (:func:`begin`), learns their inputs and targets
(:class:`LearnedWindows`) from batches of real windows (:class:`RealWindows`) by way of networks
(:func:`fresh_network`), and gives back what :meth:`LearnedWindows.made` makes of it. Synthetic and
real windows are :class:`~stemdist_ray.training.steps.TrainingStep`, which is what forecasters are
trained on: calendar joined, targets what the base leaves. The run's seed is set once, by
:func:`random_draws`. Axis letters: W windows, L lookback, H horizon, N real locations,
K synthetic locations, F features, C calendar columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.method import Made, MethodOptions, MethodWork
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.distillation.start import cluster_source, covering, unlearned
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.errors import DivergenceError
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.closed_form.base_model import own_map
from stemdist_ray.seeding import numpy_generator, torch_seed
from stemdist_ray.system.arrays import tensor_of
from stemdist_ray.training.losses import location_weights, weighted_loss
from stemdist_ray.training.steps import TrainingStep, full_step, mean_window_of

Positions = npt.NDArray[np.int64]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0.0)]


class LearnedOptions(MethodOptions):
    """What every method has that learns windows; each has rates and batches of its own."""

    locations: Literal["all", "medoids"] = Field(
        "all", description="all N of them, or one per cluster, as this library's own method starts"
    )
    start: Literal["random", "covering"] = Field(
        "random", description="windows to begin with: at random, or spread over time and day"
    )
    steps: Count = Field(500, description="updates of the synthetic data")
    learning_rate: Rate = Field(0.01, description="Adam rate of the inputs, in scaled units")
    target_learning_rate: Rate = Field(0.01, description="of the targets; 0 = they stay readings")


@dataclass(frozen=True)
class Begun:
    """What a method begins with.

    Args:
        clustering: Which synthetic location stands for which real ones.
        series: Scaled train series of the K locations, with the base if there is one.
        mean_window: (K, L, F + C) their mean train windows.
        state: Real windows, without gaps.
        known: What is known of them.
    """

    clustering: Clustering
    series: WindowedSeries
    mean_window: npt.NDArray[np.float32]
    state: SyntheticState
    known: KnownParts


def begin(work: MethodWork, options: LearnedOptions) -> Begun:
    """Draw real windows of all locations, or of the medoids of clusters."""
    real = work.real
    if options.locations == "all":
        count = real.windows.num_locations
        every = np.arange(count)
        clustering = Clustering(every, np.ones(count, np.int64), 0.0, every)
        series, mean_window = real.windows, real.mean_window
    else:
        clustering = cluster_source(work.config, real)
        assert clustering.medoids is not None  # fresh ones know them
        series = real.windows.select(clustering.medoids)
        mean_window = real.mean_window[clustering.medoids]
    starts = _starts(work, options)
    return Begun(clustering, series, mean_window, *unlearned(series, starts))


def _starts(work: MethodWork, options: LearnedOptions) -> Positions:
    starts = work.real.starts
    if options.start == "covering":
        return starts[covering(len(starts), work.num_windows)]
    rng = numpy_generator(work.config.seed, "start", work.config.method)
    return np.sort(rng.choice(starts, work.num_windows, replace=False))


@contextmanager
def random_draws(work: MethodWork) -> Iterator[np.random.Generator]:
    """The random numbers of a method: torch's inside the block, and a generator for NumPy's.

    All of them follow from seed and method, so a method gives the same data wherever it runs.
    """
    path = ("method", work.config.method)
    with torch_seed(work.config.seed, *path):
        yield numpy_generator(work.config.seed, *path)


class LearnedWindows:
    """Windows whose inputs and targets are learned.

    Args:
        begun: What they are at first.
        device: Where they live.

    Attributes:
        x: (W, L, K, F) float32 inputs, scaled; a leaf that wants gradients.
        y: (W, H, K) float32 targets, scaled, the base's part included; the same.
        weights: (K,) of the locations in a loss, mean 1.
    """

    def __init__(self, begun: Begun, device: torch.device | str = "cpu") -> None:
        self.begun = begun
        self.x = torch.tensor(begun.state.x, device=device).requires_grad_()
        self.y = torch.tensor(begun.state.y, device=device).requires_grad_()
        self.weights = loss_weights(begun, device)
        known = begun.known
        self.calendar, self.offset, self.own = (
            None if part is None else tensor_of(part).to(device)
            for part in (known.calendar, known.offset, known.own)
        )

    def windows(self) -> TrainingStep:
        """All of them as what a network is trained on, with a graph back to ``x`` and ``y``."""
        return self.windows_of(self.x, self.y)

    def windows_of(self, x: Tensor, y: Tensor) -> TrainingStep:
        """The same for other values of inputs (W, L, K, F) and targets (W, H, K)."""
        inputs = x
        if self.calendar is not None:
            calendar = self.calendar[:, :, None].expand(-1, -1, x.shape[2], -1)
            inputs = torch.cat([x, calendar], dim=3)
        residual = y
        if self.own is not None and self.offset is not None:
            # The base is affine in the own lags, so what it leaves follows inputs that are learned.
            residual = y - own_map(x, self.own) - self.offset
        return TrainingStep(inputs, residual, mean_window_of(inputs), self.weights, None)

    def fixed(self) -> TrainingStep:
        """The same without a graph, for training networks."""
        with torch.no_grad():
            return self.windows()

    def made(self) -> Made:
        """The data set that they are now."""
        x, y = (part.detach().cpu().numpy() for part in (self.x, self.y))
        return Made(self.begun.clustering, SyntheticState.fresh(x, y), self.begun.known)


class RealWindows:
    """Batches of real train windows of the same K locations.

    Args:
        work: The series.
        begun: Says which locations.
        rng: Draws the windows.
    """

    def __init__(self, work: MethodWork, begun: Begun, rng: np.random.Generator) -> None:
        self.starts, self.device, self.rng = work.real.starts, work.device, rng
        self.begun = begun
        self.weights = loss_weights(begun, work.device)

    def draw(self, count: int) -> TrainingStep:
        """Draw ``count`` windows without replacement, all of them where there are fewer."""
        some = self.rng.choice(len(self.starts), min(count, len(self.starts)), replace=False)
        return self.at(self.starts[some])

    def at(self, starts: Positions) -> TrainingStep:
        """The windows that begin at (W,) steps."""
        begun = self.begun
        step = full_step(begun.series, starts, None, begun.mean_window, self.device)
        return replace(step, weights=self.weights, graph=None)


def loss_weights(begun: Begun, device: torch.device | str) -> Tensor:
    """(K,) weights of the locations, mean 1."""
    size = torch.tensor(begun.clustering.loss_weights, dtype=torch.float32, device=device)
    return location_weights(size)


def learn(
    learned: LearnedWindows, options: LearnedOptions, objective: Callable[[int], Tensor]
) -> Made:
    """Take all updates of a method.

    Args:
        learned: What they change.
        options: How many, and the rates.
        objective: What is made smaller, a scalar with a graph back to the windows, by the number of
            the update; it may train networks besides.

    Raises:
        DivergenceError: It is not finite.
    """
    groups = [
        {"params": [learned.x], "lr": options.learning_rate},
        {"params": [learned.y], "lr": options.target_learning_rate},
    ]
    optimizer = torch.optim.Adam(groups)
    values = []
    for step in range(options.steps):
        value = objective(step)
        found = float(value.detach())
        if not math.isfinite(found):
            raise DivergenceError(
                f"the objective is {found} after {step} updates of {options.steps}; lower "
                f"method_options.learning_rate (now {options.learning_rate:g})"
            )
        values.append(found)
        # Networks are leaves as well, which are not to gather gradients here.
        wanted = torch.autograd.grad(value, [learned.x, learned.y], materialize_grads=True)
        learned.x.grad, learned.y.grad = wanted
        optimizer.step()
    return replace(learned.made(), objectives=tuple(values))


def fresh_network(work: MethodWork, begun: Begun, *, at_base: bool = True) -> Forecaster:
    """The run's forecaster with new weights from torch's random state.

    Args:
        work: Of the run.
        begun: Whose windows it is to read.
        at_base: Whether it forecasts zero at first on top of a base, as evaluators do; else its
            last layer is random.
    """
    shape = replace(WindowShape.of(begun.series), graph=False)
    shape = shape if at_base else replace(shape, residual=False)
    return build_forecaster(work.config.forecaster, shape).to(work.device)


def loss_of(model: Forecaster, step: TrainingStep) -> Tensor:
    """What a forecaster loses on windows, a scalar; see :mod:`stemdist_ray.training.losses`."""
    forecast = model(step.x, step.mean_window)
    return weighted_loss(forecast, step.y, step.weights, step.observed)


def train_network(
    model: Forecaster, optimizer: torch.optim.Optimizer, step: TrainingStep, steps: int = 1
) -> None:
    """Take some optimiser steps on the same windows, in train mode."""
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(loss_of(model, step))
        optimizer.step()
