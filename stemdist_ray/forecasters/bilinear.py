"""Products whose three gradients are written by hand and can be differentiated to any order.

A bilinear map c = a . b has two adjoints: the one that gives a gradient for a from one for c and
b, and the one that gives a gradient for b. The three are closed under differentiation: each one's
gradients are the other two. So a fast kernel for each of the three is all that first, second and
higher derivatives need, and autograd never falls back to copies of its own.

Axis letters: R rows (locations x windows), T steps, C channels, P operators.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

_Role = Literal["product", "left", "right"]


class Bilinear(ABC):
    """A bilinear map and its adjoints.

    Attributes:
        low_precision: Whether autocast may lower the precision of the operands.
    """

    low_precision: ClassVar[bool] = True

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply; differentiable to any order. Under autocast, in its precision."""
        if torch.is_autocast_enabled(a.device.type):
            lower = torch.get_autocast_dtype(a.device.type)
            wanted = lower if self.low_precision else torch.float32
            a, b = a.to(wanted), b.to(wanted)
        out: Tensor = _Apply.apply(self, "product", a, b)  # type: ignore[no-untyped-call]
        return out

    @abstractmethod
    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Return c."""

    @abstractmethod
    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """Gradient for a, given one for c."""

    @abstractmethod
    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """Gradient for b, given one for c."""


class _Apply(torch.autograd.Function):
    """One of the three maps of a :class:`Bilinear`."""

    @staticmethod
    def forward(ctx: Any, op: Bilinear, role: _Role, p: Tensor, q: Tensor) -> Tensor:  # type: ignore[override]
        """Compute the map that ``role`` names."""
        ctx.op, ctx.role = op, role
        ctx.save_for_backward(p, q)
        with torch.autocast(p.device.type, enabled=False):  # the operands have their precision
            result: Tensor = getattr(op, role)(p, q)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients of both arguments, as calls of the other two maps."""
        p, q = ctx.saved_tensors
        first, second = {
            "product": (("left", grad, q), ("right", p, grad)),
            "left": (("product", grad, q), ("right", grad, p)),
            "right": (("left", q, grad), ("product", p, grad)),
        }[ctx.role]
        wanted = ctx.needs_input_grad[2:]
        gradients = [
            _Apply.apply(ctx.op, *call) if needed else None  # type: ignore[no-untyped-call]
            for needed, call in zip(wanted, (first, second), strict=True)
        ]
        return (None, None, *gradients)


class Convolution(Bilinear):
    """Valid convolution over time: (R, T, C in) and (taps * C in, C out) to (R, T', C out).

    Each output step is one matrix product on a strided view: nothing is unfolded or copied.

    Args:
        taps: Kernel length; T' = T - taps + 1.
    """

    def __init__(self, taps: int) -> None:
        self.taps = taps

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """See :class:`Bilinear`."""
        flat, inputs = a.flatten(1), a.shape[2]
        out = a.new_empty(a.shape[0], a.shape[1] - self.taps + 1, b.shape[1])
        for step in range(out.shape[1]):
            torch.mm(self._seen(flat, step, inputs), b, out=out[:, step])
        return out

    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """See :class:`Bilinear`."""
        inputs, steps = b.shape[0] // self.taps, c.shape[1]
        out = c.new_zeros(c.shape[0], (steps + self.taps - 1) * inputs)
        for step in range(steps):
            self._seen(out, step, inputs).addmm_(c[:, step], b.T)
        return out.view(c.shape[0], -1, inputs)

    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """See :class:`Bilinear`."""
        flat, inputs = a.flatten(1), a.shape[2]
        out = a.new_zeros(self.taps * inputs, c.shape[2])
        for step in range(c.shape[1]):
            out.addmm_(self._seen(flat, step, inputs).T, c[:, step])
        return out

    def _seen(self, flat: Tensor, step: int, inputs: int) -> Tensor:
        return flat[:, step * inputs : (step + self.taps) * inputs]


class SumOfProducts(Bilinear):
    """Sum over p of a_p b_p: (P, R, C in) and (P, C in, C out) to (R, C out)."""

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """See :class:`Bilinear`."""
        out = torch.mm(a[0], b[0])
        for p in range(1, len(a)):
            out.addmm_(a[p], b[p])
        return out

    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """See :class:`Bilinear`."""
        out = c.new_empty(len(b), len(c), b.shape[1])
        for p, matrix in enumerate(b):
            torch.mm(c, matrix.T, out=out[p])
        return out

    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """See :class:`Bilinear`."""
        return torch.bmm(a.mT, c.expand(len(a), *c.shape))
