"""What every objective needs while its task runs: data, surrogate, random draws, losses.

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.config import MatchingConfig
from stemdist_ray.distillation.pieces import Loss, random_state, replayed
from stemdist_ray.distillation.shard_memory import MEASURED, StepMemory, windows_per_piece
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.closed_form.base_model import own_map
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.training.losses import location_weights, weighted_loss
from stemdist_ray.training.partition import random_partition
from stemdist_ray.training.steps import mean_window_of

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
# The graph of a gradient keeps up to seven times what the forecasters say that a forward pass
# does; tasks that fit by more than that need not be measured.
_SURELY = 16

Forward = Callable[[Tensor, Tensor], Tensor]
"""(W, L, N, F) inputs and (N, L, F) mean windows to (W, H, N) forecasts."""


@dataclass(frozen=True)
class RealSample:
    """Real windows of real locations, and what a surrogate should say of them.

    Args:
        x: (B, L, n, F) inputs, calendar included.
        y: (B, H, n) what the base leaves of the readings, or of the teacher's forecasts.
        mean_window: (n, L, F) mean windows.
        observed: (B, H, n) bool or None = all.
    """

    x: Tensor
    y: Tensor
    mean_window: Tensor
    observed: Tensor | None


class SyntheticTensors:
    """The synthetic slice on a device, updated by Adam one location subset at a time.

    Args:
        state: The slice.
        device: Where to keep it.
    """

    def __init__(self, state: SyntheticState, device: torch.device | str) -> None:
        self.tensors = {
            name: torch.tensor(array, device=device) for name, array in state.arrays().items()
        }

    @property
    def x(self) -> Tensor:
        """(W, L, N, F)."""
        return self.tensors["x"]

    @property
    def y(self) -> Tensor:
        """(W, H, N)."""
        return self.tensors["y"]

    def adam_step(
        self, locations: Tensor, gradients: dict[str, Tensor], learning_rate: float
    ) -> None:
        """Take one Adam step (Kingma & Ba 2015) on the slice of some locations.

        Args:
            locations: (n,) positions.
            gradients: Of ``x`` (W, L, n, F) and, where it is learned, ``y`` (W, H, n).
            learning_rate: Step size, in scaled units.
        """
        updates = self.tensors["updates"]
        updates[locations] += 1
        count = updates[locations].to(self.x.dtype)
        for name, gradient in gradients.items():
            shape = (1, 1, -1) + (1,) * (gradient.ndim - 3)
            first = self.tensors[f"{name}_first"][:, :, locations]
            second = self.tensors[f"{name}_second"][:, :, locations]
            first = first.lerp(gradient, 1 - BETA_1)
            second = second.lerp(gradient.square(), 1 - BETA_2)
            correction_1 = (1 - BETA_1**count).view(shape)
            correction_2 = (1 - BETA_2**count).view(shape)
            step = first / correction_1 / ((second / correction_2).sqrt() + EPSILON)
            self.tensors[f"{name}_first"][:, :, locations] = first
            self.tensors[f"{name}_second"][:, :, locations] = second
            self.tensors[name][:, :, locations] -= learning_rate * step

    def to_state(self) -> SyntheticState:
        """Copy everything back to NumPy."""
        return SyntheticState(**{k: v.cpu().numpy() for k, v in self.tensors.items()})


class Workspace(ABC):
    """A running task: the part that does not depend on the objective.

    Args:
        data: The shared clustered series.
        task: The task.
    """

    piece: int | None  # windows at a time, None where the graph of all steps is kept

    def __init__(self, data: ClusteredData, task: ShardTask) -> None:
        self.data, self.task, self.device = data, task, torch.device(task.device)
        windows = data.windows
        shape = WindowShape.of(windows)
        self.model: Forecaster = build_forecaster(task.forecaster, shape).to(self.device)
        self.synthetic = SyntheticTensors(task.state, self.device)
        self.mean_window = torch.tensor(data.mean_window[task.locations], device=self.device)
        size = data.cluster_size[task.locations]
        self.cluster_size = torch.tensor(size, dtype=torch.float32, device=self.device)
        known = data.known.take(task.locations)
        self.known = {
            name: torch.tensor(array, device=self.device)
            for name, array in vars(known).items()
            if array is not None
        }
        self.rng = numpy_generator(task.seed, "draws")
        wanted = task.matching.real == "locations" and task.matching.against == "teacher"
        teacher = data.teacher if wanted else None
        self.teachers = [m.to(self.device) for m in teacher.models()] if teacher else []

    @abstractmethod
    def matching_step(self) -> Tensor:
        """Update the synthetic data once; returns the objective, mean over subsets.

        It stays on the device: reading it would make the host wait for every step.
        """

    @abstractmethod
    def train_surrogate(self) -> None:
        """Train the surrogate between two matching steps."""

    def subsets(self) -> list[Tensor]:
        """Draw a random partition of the shard's n locations into at most K subsets.

        Returns:
            (n_k,) int64 positions inside the shard per subset, sorted; together all n of them.
        """
        # They stay on the host, which needs them to gather the real windows.
        parts = random_partition(len(self.task.locations), self.num_subsets, self.rng)
        return [torch.from_numpy(part) for part in parts]

    @property
    def num_subsets(self) -> int:
        """See :func:`subsets_that_fit`."""
        return subsets_that_fit(self.task.matching, len(self.task.locations))

    def draw_real(self, count: int) -> npt.NDArray[np.int64]:
        """Draw window starts of the train split without replacement.

        Args:
            count: How many; all of them where there are fewer.

        Returns:
            (min(count, W),) int64 first steps, in random order.
        """
        starts = self.data.starts
        return starts[self.rng.choice(len(starts), min(count, len(starts)), replace=False)]

    def draw_synthetic(self) -> Tensor | slice:
        """Draw the synthetic windows of a step; all of them unless a batch size is set.

        Returns:
            (B,) int64 positions, sorted, or a slice of all W windows.
        """
        wanted, have = self.task.matching.synthetic_batch, len(self.synthetic.x)
        if wanted is None or wanted >= have:
            return slice(None)
        rows = np.sort(self.rng.choice(have, wanted, replace=False))
        return torch.from_numpy(rows)

    def real_loss(self, forward: Forward, subset: Tensor, starts: npt.NDArray[np.int64]) -> Tensor:
        """Weighted loss of the surrogate on real windows of a subset.

        Args:
            forward: The surrogate.
            subset: (n,) positions inside the shard.
            starts: (B,) first steps of the real windows.

        Returns:
            A scalar.
        """
        clusters = self.task.locations[subset.numpy()]
        real = self.data.windows.batch(starts, clusters, self.device)
        forecast = forward(real.x, self.mean_window[subset])
        weights = location_weights(self.cluster_size[subset])
        return weighted_loss(forecast, real.residual(), weights, real.observed)

    def real_targets(self) -> RealSample:
        """Draw real windows of members of the shard's clusters, and what is wanted for them."""
        real, assignment = self.data.real, self.data.assignment
        if real is None or assignment is None:
            raise ConfigError("matching.real = locations needs the series of the real locations")
        matching = self.task.matching
        members = np.flatnonzero(np.isin(assignment, self.task.locations))
        count = min(matching.real_locations, len(members))
        chosen = np.sort(self.rng.choice(members, count, replace=False))
        starts = self.draw_real(matching.real_batch)
        batch = real.windows.batch(starts, chosen, self.device)
        mean_window = torch.tensor(real.mean_window[chosen], device=self.device)
        if matching.against == "readings" or not self.teachers:
            return RealSample(batch.x, batch.residual(), mean_window, batch.observed)
        with torch.no_grad():
            wanted = torch.stack([m.eval()(batch.x, mean_window) for m in self.teachers]).mean(0)
        return RealSample(batch.x, wanted, mean_window, None)

    def synthetic_loss(
        self, forward: Forward, subset: Tensor, x: Tensor, y: Tensor, rows: Tensor | slice
    ) -> Tensor:
        """Weighted loss on synthetic windows of a subset.

        Args:
            forward: The surrogate.
            subset: (n,) positions, for the weights.
            x: (W, L, n, F) synthetic inputs of the subset, without calendar.
            y: (W, H, n) synthetic targets of the subset.
            rows: Windows that the loss is of, from :meth:`draw_synthetic`.
        """
        inputs = self._with_calendar(x)
        forecast = forward(inputs[rows], mean_window_of(inputs))
        target = self._residual(subset, x, y)[rows]
        return weighted_loss(forecast, target, location_weights(self.cluster_size[subset]))

    def synthetic_pieces(
        self,
        forward: Forward,
        subset: Tensor,
        x: Tensor,
        y: Tensor,
        rows: Tensor | slice,
        size: int,
    ) -> list[Loss]:
        """The loss of :meth:`synthetic_loss` as a sum over pieces of ``size`` windows."""
        if size >= (len(x) if isinstance(rows, slice) else len(rows)):
            return [partial(self.synthetic_loss, forward, subset, x, y, rows)]
        if isinstance(rows, slice):
            rows = torch.arange(len(x))

        def piece(some: Tensor) -> Tensor:
            return self.synthetic_loss(forward, subset, x, y, some) * (len(some) / len(rows))

        return [partial(piece, some) for some in torch.split(rows, size)]

    def planned(
        self, graph_of: Callable[[Tensor, Tensor, Tensor, Tensor], object], steps: int
    ) -> int | None:
        """Into how many windows steps have to be cut to keep within ``matching.memory_budget``.

        Args:
            graph_of: Makes the graph of one differentiable step of a subset, its inputs and
                targets, on some windows; see :meth:`synthetic_loss`.
            steps: That are differentiated through together.

        Returns:
            See :func:`windows_per_piece`.

        Raises:
            ConfigError: Not even one window fits.
        """
        matching, have = self.task.matching, len(self.synthetic.x)
        windows = min(matching.synthetic_batch or have, have)
        # The largest subset; subsets of one shard differ by one location at most.
        locations = -(-len(self.task.locations) // self.num_subsets)
        model = self.model.train()
        rough = _SURELY * 4 * model.activation_floats() * windows * locations * steps
        if rough <= matching.memory_budget or windows < MEASURED:
            return None
        subset = torch.arange(locations)
        x, y = self.synthetic.x[:, :, subset].requires_grad_(), self.synthetic.y[:, :, subset]
        with replayed(random_state(self.device), self.device, model):
            step = StepMemory.measure(
                lambda few: graph_of(subset, x, y, torch.arange(few)), self.device
            )
        return windows_per_piece(step, windows, locations, steps, matching.memory_budget)

    def _with_calendar(self, x: Tensor) -> Tensor:
        """Join the calendar, which is known, to inputs that are learned."""
        if "calendar" not in self.known:
            return x
        calendar = self.known["calendar"][:, :, None]
        return torch.cat([x, calendar.expand(-1, -1, x.shape[2], -1)], dim=3)

    def _residual(self, subset: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """What the base leaves of synthetic targets; it follows the inputs that it is made of."""
        if "own" not in self.known:
            return y
        return y - own_map(x, self.known["own"]) - self.known["offset"][:, :, subset]


def subsets_that_fit(matching: MatchingConfig, num_locations: int) -> int:
    """K, or fewer where a subset would become too small to hold a graph."""
    return max(1, min(matching.subsets, num_locations // matching.smallest_subset))
