"""What a shard task will need, known before it takes it.

The graph of one differentiable step on the synthetic data is measured on a few windows; what it
keeps grows in proportion to the windows beyond. From that follows whether all unrolled steps fit
the budget, and, where they do not, into how many windows a step has to be cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from stemdist_ray.errors import ConfigError
from stemdist_ray.system.free_memory import in_words

_FEW, MEASURED = 2, 4  # windows that are measured


@dataclass(frozen=True)
class StepMemory:
    """What the graph of one differentiable step keeps.

    Args:
        fixed: Bytes whatever the number of windows.
        per_window: Bytes for each.
    """

    fixed: float
    per_window: float

    def of(self, windows: int) -> float:
        """Bytes for a number of windows."""
        return self.fixed + windows * self.per_window

    @classmethod
    def measure(cls, graph_of: Callable[[int], object], device: torch.device) -> StepMemory:
        """Measure it on a few windows.

        Args:
            graph_of: Makes the graph for a number of windows and returns what holds it.
            device: Where it is kept.
        """
        few, more = (kept_bytes(partial(graph_of, n), device) for n in (_FEW, MEASURED))
        per_window = max(more - few, 0) / (MEASURED - _FEW)
        return cls(max(few - _FEW * per_window, 0.0), per_window)


def kept_bytes(graph: Callable[[], object], device: torch.device) -> int:
    """Bytes that a graph keeps for derivatives, each tensor's memory counted once."""
    if device.type == "cuda":
        # Gradients with a graph are made by threads that hooks of this one do not see.
        before = torch.cuda.memory_allocated(device)
        held = graph()
        kept = torch.cuda.memory_allocated(device) - before
        del held
        return kept
    seen: dict[int, Tensor] = {}  # kept alive, so that no address is given to two of them

    def pack(tensor: Tensor) -> Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        held = graph()
    kept = sum(tensor.untyped_storage().nbytes() for tensor in seen.values())
    del held
    return kept


def windows_per_piece(
    step: StepMemory, windows: int, locations: int, steps: int, budget: int
) -> int | None:
    """Into how many windows every step has to be cut.

    Args:
        step: What one keeps.
        windows: Of a whole step.
        locations: Of a step, for the message.
        steps: That are differentiated through together.
        budget: Bytes for all that they keep.

    Returns:
        Windows at a time, each step computed again when its turn comes; None where all steps
        fit as they are.

    Raises:
        ConfigError: Not even one window fits.
    """
    if steps * step.of(windows) <= budget:
        return None
    # A step that fits as a whole is not cut; dropout and batch statistics then stay as they are.
    if step.of(windows) <= budget:
        return windows
    fit = int((budget - step.fixed) // step.per_window) if step.per_window else 0
    if fit < 1:
        raise ConfigError(
            f"one synthetic window of {locations} locations needs {in_words(step.of(1))} to be "
            f"learned from; expected at most {in_words(budget)} (matching.memory_budget). Use more "
            "shards (num_shards) or subsets (matching.subsets), or raise matching.memory_budget"
        )
    return min(fit, windows)
