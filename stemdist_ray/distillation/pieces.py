"""Gradients of a loss that is a sum of pieces, with the memory of one piece at a time.

Differentiating a gradient needs the graph of the gradient, and keeping that of all windows of all
unrolled steps takes the most memory of a whole run. Instead the gradient is first computed without
a graph, piece by piece; later every piece is computed again with its graph, multiplied by the
derivative that has come back so far, and dropped (reverse mode with recomputation: Griewank &
Walther, "Evaluating Derivatives", 2008, chapter 12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Loss = Callable[[], Tensor]
"""One piece: computes its share of the loss, a scalar with a graph."""


def summed_gradient(pieces: Sequence[Loss], of: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The gradient of the sum, without a graph.

    Args:
        pieces: In an order that is always the same: dropout draws from one generator.
        of: What to differentiate with respect to.
    """
    total = [torch.zeros_like(tensor) for tensor in of]
    for piece in pieces:
        for sum_, part in zip(
            total, torch.autograd.grad(piece(), of, materialize_grads=True), strict=True
        ):
            sum_ += part
    return tuple(total)


def pulled_back(
    pieces: Sequence[Loss],
    of: Sequence[Tensor],
    direction: Sequence[Tensor],
    learned: Sequence[Tensor],
) -> list[Tensor]:
    """Derivatives of <direction, gradient of the sum>, piece by piece.

    Args:
        pieces: As for :func:`summed_gradient`, and in the same order.
        of: What the gradient is with respect to.
        direction: Shaped like ``of``: the derivative of what is wanted with respect to it.
        learned: What to differentiate with respect to.
    """
    total = [torch.zeros_like(tensor) for tensor in learned]
    for piece in pieces:
        gradient = torch.autograd.grad(piece(), of, create_graph=True, materialize_grads=True)
        # A gradient without a graph depends on nothing that is learned.
        pairs = [(g, d) for g, d in zip(gradient, direction, strict=True) if g.requires_grad]
        if not pairs:
            continue
        parts = torch.autograd.grad(
            [g for g, _ in pairs], learned, [d for _, d in pairs], materialize_grads=True
        )
        for sum_, part in zip(total, parts, strict=True):
            sum_ += part
    return total


def random_state(device: torch.device) -> tuple[Tensor, ...]:
    """The state of torch's generators that a forward pass on the device draws from."""
    if device.type == "cuda":
        return (torch.get_rng_state(), torch.cuda.get_rng_state(device))
    return (torch.get_rng_state(),)


def set_random_state(state: Sequence[Tensor], device: torch.device) -> None:
    """Give the generators back the state that :func:`random_state` returned."""
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


@contextmanager
def replayed(state: Sequence[Tensor], device: torch.device, model: nn.Module) -> Iterator[None]:
    """Draw once more what was drawn from this state on; what is now comes back after it.

    Args:
        state: From :func:`random_state`.
        device: Where the model computes.
        model: Its buffers (running statistics) come back as well.
    """
    now, buffers = random_state(device), [buffer.clone() for buffer in model.buffers()]
    set_random_state(state, device)
    try:
        yield
    finally:
        set_random_state(now, device)
        for buffer, value in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(value)
