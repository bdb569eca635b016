"""What methods share that match trajectories: students on synthetic windows follow the experts.

A student begins where an expert was after some epoch, takes some gradient steps on the synthetic
windows, and should then be where the expert was some epochs later: the squared distance, over the
squared length of the expert's own way, is the objective. The steps are plain gradient steps, so
derivatives are carried back through them one at a time, each computed again when its turn comes:
memory is that of one step whatever their number, and windows of a step that does not fit are cut
into pieces.

Sources: Cazenavette et al., "Dataset Distillation by Matching Training Trajectories" (CVPR 2022,
arXiv:2203.11932); that constant memory does, Cui et al., "Scaling Up Dataset Distillation to
ImageNet-1K with Constant Memory" (ICML 2023, arXiv:2211.10586).

Axis letters: P parameters of a forecaster, W windows, H horizon, K synthetic locations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.func import functional_call

from stemdist_ray.baselines.learned import (
    Count,
    LearnedOptions,
    LearnedWindows,
    Rate,
    begin,
    fresh_network,
)
from stemdist_ray.baselines.method import Made, MethodWork
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.distillation.experts import ExpertPlan, expert_bytes
from stemdist_ray.distillation.pieces import Loss, pulled_back, summed_gradient
from stemdist_ray.distillation.shard_memory import MEASURED, StepMemory
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.system.free_memory import in_words
from stemdist_ray.training.losses import weighted_loss
from stemdist_ray.training.steps import TrainingStep

# The graph of a gradient keeps up to seven times what forecasters say that a forward pass does.
_SECOND_ORDER = 8

StudentLoss = Callable[[Tensor, TrainingStep], Tensor]
"""(W, H, K) forecasts and the windows they are of, to what a student loses on them, a scalar."""


class TrajectoryOptions(LearnedOptions):
    """Of the experts, the students and their matching."""

    steps: Count = Field(100, description="updates of the synthetic data (published: 5000)")
    experts: Count = Field(4, description="experts (published: 100)")
    expert_epochs: Count = Field(20, description="epochs whose weights are kept (published: 50)")
    expert_steps: Count = Field(10, description="sampled steps that count as an epoch")
    expert_windows: Count = Field(16, description="real windows per step of an expert")
    expert_locations: Count = Field(160, description="real locations per step of an expert")
    expert_rate: Annotated[float, Field(gt=0.0)] = Field(
        0.2, description="rate of the experts' gradient steps"
    )
    latest_start: Annotated[int, Field(ge=0)] = Field(
        10, description="students begin after 0 to this many epochs of an expert"
    )
    segment: Count = Field(2, description="epochs of the expert that a student catches up with")
    student_steps: Count = Field(10, description="gradient steps that it has for that")
    batch: Count | None = Field(16, description="windows per student step; null = all of them")
    step_size_rate: Rate = Field(5e-2, description="Adam rate of the logarithm of the step size")


def experts_wanted(options: Any) -> ExpertPlan:
    """The experts that these options ask for.

    Raises:
        ConfigError: They are not kept for as long as students follow them.
    """
    assert isinstance(options, TrajectoryOptions)
    if options.latest_start + options.segment > options.expert_epochs:
        raise ConfigError(
            f"method_options: a student that begins after epoch {options.latest_start} "
            f"(latest_start) and catches up with {options.segment} more (segment) needs experts of "
            f"{options.latest_start + options.segment} epochs, found expert_epochs "
            f"{options.expert_epochs}; raise it, or lower the others"
        )
    return ExpertPlan(
        count=options.experts,
        epochs=options.expert_epochs,
        steps=options.expert_steps,
        windows=options.expert_windows,
        locations=options.expert_locations,
        learning_rate=options.expert_rate,
    )


def trajectory_bytes(sizes: Sizes, options: Any) -> float:
    """What is held at once: the experts, and the graph of the gradient of one window."""
    shape = replace(sizes.shape, graph=False)
    experts = expert_bytes(experts_wanted(options), sizes.forecaster, shape)
    return experts + _SECOND_ORDER * sizes.pass_bytes(1)


@dataclass(frozen=True)
class Segment:
    """A piece of an expert's way.

    Args:
        begin: (P,) weights that a student begins with.
        end: (P,) weights that it should reach.
        last: (P,) weights that the expert ended with.
    """

    begin: Tensor
    end: Tensor
    last: Tensor


def as_student(model: Forecaster) -> Forecaster:
    """As experts are trained, but without dropout: its noise would hide the way to be matched."""
    model.eval()
    for module in model.modules():
        # Kept statistics are those of a training; a student has those of its windows.
        if isinstance(module, torch.nn.BatchNorm1d):
            module.train()
    return model


def squared_loss(forecast: Tensor, step: TrainingStep) -> Tensor:
    """What students lose, as evaluators do: see :mod:`stemdist_ray.training.losses`."""
    return weighted_loss(forecast, step.y, step.weights)


class TrajectoryMatching:
    """Synthetic windows that are learned by matching the experts' trajectories.

    Args:
        work: With the experts.
        rng: Draws segments and windows.
        loss: What students lose on the synthetic windows.

    Attributes:
        learned: The windows.
        objectives: Of every update so far.

    Raises:
        ConfigError: Not even one window fits ``matching.memory_budget``.
    """

    def __init__(
        self, work: MethodWork, rng: np.random.Generator, loss: StudentLoss = squared_loss
    ) -> None:
        options = work.options
        assert isinstance(options, TrajectoryOptions)
        self.work, self.options, self.rng, self.loss = work, options, rng, loss
        begun = begin(work, options)
        self.learned = LearnedWindows(begun, work.device)
        self.model = as_student(fresh_network(work, begun))
        named = dict(self.model.named_parameters())
        self.names, self.shapes = list(named), [p.shape for p in named.values()]
        # At first a student can go as far as the expert goes.
        ratio = options.segment * options.expert_steps / options.student_steps
        first = math.log(options.expert_rate * ratio)
        self.log_step_size = torch.tensor(first, device=work.device, requires_grad=True)
        groups = [
            {"params": [self.learned.x], "lr": options.learning_rate},
            {"params": [self.learned.y], "lr": options.target_learning_rate},
            {"params": [self.log_step_size], "lr": options.step_size_rate},
        ]
        self.optimizer = torch.optim.Adam(groups)
        self.piece = self._windows_at_a_time()
        self.objectives: list[Tensor] = []

    def draw(self, latest: int | None = None) -> Segment:
        """Draw a segment of an expert that begins after ``latest`` epochs at most."""
        latest = self.options.latest_start if latest is None else latest
        expert = self.work.experts[self.rng.integers(len(self.work.experts))]
        first = int(self.rng.integers(latest + 1))
        at = (first, first + self.options.segment, expert.epochs)
        begin, end, last = (torch.tensor(expert.weights[i], device=self.work.device) for i in at)
        return Segment(begin, end, last)

    def update(self, segment: Segment, beside: Callable[[], Tensor] | None = None) -> None:
        """Take one step of Adam on inputs, targets and the students' step size.

        Args:
            segment: To be matched.
            beside: What is added to the objective, a scalar with a graph to inputs and targets.
        """
        self.optimizer.zero_grad()
        objective, gradients = self.distance(segment)
        leaves = (self.learned.x, self.learned.y, self.log_step_size)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        if beside is not None:
            added = beside()
            torch.autograd.backward(added)
            objective = objective + added.detach()
        self.optimizer.step()
        self.objectives.append(objective)

    def distance(self, segment: Segment) -> tuple[Tensor, list[Tensor]]:
        """How far from its goal a student ends, and what to change.

        Returns:
            The objective, 1 for a student that stays where it begins; its derivatives with respect
            to inputs, targets and the logarithm of the step size.
        """
        x, y, size = self.learned.x, self.learned.y, self.log_step_size.detach().exp()
        weights, way = segment.begin.clone().requires_grad_(), []
        for _ in range(self.options.student_steps):
            rows = self._draw_rows()
            (gradient,) = summed_gradient(self._pieces(weights, rows), [weights])
            way.append((weights, gradient, rows))
            weights = (weights.detach() - size * gradient).requires_grad_()
        apart = weights.detach() - segment.end
        length = (segment.begin - segment.end).square().sum().clamp(min=1e-12)
        pull = 2 * apart / length
        total = [torch.zeros_like(x), torch.zeros_like(y), torch.zeros_like(size)]
        for before, gradient, rows in reversed(way):
            total[2] -= size * (pull @ gradient)
            pieces = self._pieces(before, rows)
            parts = pulled_back(pieces, [before], [-size * pull], [x, y, before])
            total[0] += parts[0]
            total[1] += parts[1]
            pull = pull + parts[2]
        return apart.square().sum() / length, total

    def forecast(self, weights: Tensor, step: TrainingStep) -> Tensor:
        """What the forecaster with weights (P,) says of windows: (W, H, K), without the base."""
        pieces = torch.split(weights, [shape.numel() for shape in self.shapes])
        triples = zip(self.names, pieces, self.shapes, strict=True)
        parameters = {name: piece.view(shape) for name, piece, shape in triples}
        arguments = (step.x, step.mean_window)
        forecast: Tensor = functional_call(self.model, parameters, arguments)
        return forecast

    def made(self) -> Made:
        """The data set that was learned.

        Raises:
            DivergenceError: It became non-finite.
        """
        made = self.learned.made()
        if not (np.isfinite(made.state.x).all() and np.isfinite(made.state.y).all()):
            raise DivergenceError(
                f"the data of method {self.work.config.method} became non-finite; lower "
                f"method_options.learning_rate (now {self.options.learning_rate:g})"
            )
        return replace(made, objectives=tuple(torch.stack(self.objectives).tolist()))

    def _draw_rows(self) -> Tensor | None:
        have, wanted = len(self.learned.x), self.options.batch
        if wanted is None or wanted >= have:
            return None
        return torch.from_numpy(np.sort(self.rng.choice(have, wanted, replace=False)))

    def _pieces(self, weights: Tensor, rows: Tensor | None) -> list[Loss]:
        """What a student loses on some of the windows, None = all, as a sum."""
        count = len(self.learned.x) if rows is None else len(rows)
        some = torch.arange(count) if rows is None else rows
        return [partial(self._share, weights, p, count) for p in torch.split(some, self.piece)]

    def _share(self, weights: Tensor, rows: Tensor, count: int) -> Tensor:
        step = self.learned.windows()
        piece = replace(step, x=step.x[rows], y=step.y[rows])
        return self.loss(self.forecast(weights, piece), piece) * (len(rows) / count)

    def _windows_at_a_time(self) -> int:
        """How many windows of a student's step fit the memory of a task."""
        have, budget = len(self.learned.x), self.work.config.matching.memory_budget
        if have < MEASURED:
            return have
        weights = torch.cat([p.detach().flatten() for p in self.model.parameters()])
        weights.requires_grad_()

        def graph_of(few: int) -> object:
            loss = self._share(weights, torch.arange(few), few)
            return torch.autograd.grad(loss, weights, create_graph=True)

        step = StepMemory.measure(graph_of, torch.device(self.work.device))
        if step.of(1) > budget:
            locations = self.learned.x.shape[2]
            raise ConfigError(
                f"one window of {locations} locations needs {in_words(step.of(1))} to be learned "
                f"from by method {self.work.config.method}; expected at most {in_words(budget)} "
                "(matching.memory_budget). Use method_options.locations=medoids, a smaller "
                "forecaster, or raise matching.memory_budget"
            )
        if step.per_window == 0:
            return have
        return min(have, int((budget - step.fixed) // step.per_window))
