"""Training steps as CUDA graphs: what a GPU is to do is recorded once per shape and then replayed.

The networks here are small: a step of a hundred and sixty locations is some 170 kernels of a few
microseconds each, and launching them one by one from Python takes eight times as long as computing
them. A replay launches all of them at once, in the same order on the same numbers, random ones
included, so a training gives the same bits with it.

Only forward and backward pass are recorded. What changes from step to step on the host (rates,
which weights are averaged) stays outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from stemdist_ray.training.steps import TrainingStep

# Steps of a shape that are taken one kernel at a time before it is recorded: libraries set
# themselves up at first, which cannot be recorded, and a shape seen less often is not worth it.
_BEFORE = 3
_MOST = 4  # shapes; each keeps the memory of its own step


@dataclass(frozen=True)
class _Recorded:
    """A recorded step.

    Args:
        graph: Of its kernels.
        step: Where it reads from.
        gradients: Where it leaves the gradients, one per parameter; None = it has none.
    """

    graph: torch.cuda.CUDAGraph
    step: TrainingStep
    gradients: tuple[Tensor | None, ...]


class CapturedSteps:
    """Adds the gradients of training steps, recorded where a shape comes often.

    Args:
        parameters: Of the model, on a GPU.
        add: Adds the gradients of a step to those of the parameters; it must not make the host wait
            for the GPU, nor depend on anything but the shape of the step.
    """

    def __init__(self, parameters: list[nn.Parameter], add: Callable[[TrainingStep], None]) -> None:
        self.parameters, self.add = parameters, add
        self.seen: dict[tuple[object, ...], int] = {}
        self.recorded: dict[tuple[object, ...], _Recorded] = {}

    def gradients(self, step: TrainingStep) -> None:
        """Set the gradients of the parameters to those of a step."""
        key = tuple(
            None if part is None else (tuple(part.shape), part.dtype) for part in _parts(step)
        )
        recorded = self.recorded.get(key)
        if recorded is None:
            count = self.seen[key] = self.seen.get(key, 0) + 1
            if count <= _BEFORE or len(self.recorded) == _MOST:
                self._forget_gradients()
                self.add(step)
                return
            recorded = self.recorded[key] = self._record(step)
        for held, given in zip(_parts(recorded.step), _parts(step), strict=True):
            if held is not None and given is not None:
                held.copy_(given, non_blocking=True)
        recorded.graph.replay()
        for parameter, gradient in zip(self.parameters, recorded.gradients, strict=True):
            parameter.grad = gradient

    def _record(self, step: TrainingStep) -> _Recorded:
        """Record a step; nothing is computed by that, and no random number used up."""
        seen = step.observed
        held = replace(
            step,
            x=step.x.clone(),
            y=step.y.clone(),
            mean_window=step.mean_window.clone(),
            weights=step.weights.clone(),
            observed=None if seen is None else seen.clone(),
        )
        self._forget_gradients()  # so that the recorded pass makes its own
        graph = torch.cuda.CUDAGraph()
        # Other threads may gather the steps that follow meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self.add(held)
        return _Recorded(graph, held, tuple(p.grad for p in self.parameters))

    def _forget_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None


def _parts(step: TrainingStep) -> tuple[Tensor | None, ...]:
    return step.x, step.y, step.mean_window, step.weights, step.observed
