"""Products whose three gradients are written by hand and can be differentiated to any order.

A bilinear map c = a . b has two adjoints: the one that gives a gradient for a from one for c and
b, and the one that gives a gradient for b. The three are closed under differentiation: each one's
gradients are the other two. So a fast kernel for each of the three is all that first, second and
higher derivatives need, and autograd never falls back to copies of its own.

Axis letters: R rows (locations x windows), T steps, C channels, K kernel size, P operators.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

_Role = Literal["product", "left", "right"]


class Bilinear(ABC):
    """A bilinear map and its adjoints.

    Its arguments are a and b, its result is c; a subclass says which shapes they have.

    Attributes:
        low_precision: Whether autocast may lower the precision of the operands.
    """

    low_precision: ClassVar[bool] = True

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply a and b to c; differentiable to any order. Under autocast, in its precision.

        Args:
            a: Left operand, shaped as :meth:`product` takes it.
            b: Right operand, shaped as :meth:`product` takes it.

        Returns:
            c.
        """
        if torch.is_autocast_enabled(a.device.type):
            # Autocast does not look into functions of one's own: the operands are cast here.
            lower = torch.get_autocast_dtype(a.device.type)
            wanted = lower if self.low_precision else torch.float32
            a, b = a.to(wanted), b.to(wanted)
        out: Tensor = _Apply.apply(self, "product", a, b)  # type: ignore[no-untyped-call]
        return out

    @abstractmethod
    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """The map itself: c from a and b."""

    @abstractmethod
    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """Gradient for a, in the shape of a: from one for c, in the shape of c, and from b."""

    @abstractmethod
    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """Gradient for b, in the shape of b: from a and from one for c, in the shape of c."""


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
        # All three maps are gradients of the one number <c, a . b>, so each one's are the others.
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
    """Valid convolution over time: (R, T, C in) and (K * C in, C out) to (R, T', C out).

    Each output step is one matrix product on a strided view: nothing is unfolded or copied.

    Args:
        kernel_size: K; T' = T - K + 1.
    """

    def __init__(self, kernel_size: int) -> None:
        self.kernel_size = kernel_size

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Inputs (R, T, C in), kernel (K * C in, C out); outputs (R, T', C out)."""
        flat, inputs = a.flatten(1), a.shape[2]
        out = a.new_empty(a.shape[0], a.shape[1] - self.kernel_size + 1, b.shape[1])
        for step in range(out.shape[1]):
            torch.mm(self._seen(flat, step, inputs), b, out=out[:, step])
        return out

    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """Gradient for the inputs (R, T, C in) from (R, T', C out) and (K * C in, C out)."""
        inputs, steps = b.shape[0] // self.kernel_size, c.shape[1]
        out = c.new_zeros(c.shape[0], (steps + self.kernel_size - 1) * inputs)
        for step in range(steps):
            # Neighbouring views overlap; each product is added to what is there.
            self._seen(out, step, inputs).addmm_(c[:, step], b.T)
        return out.view(c.shape[0], -1, inputs)

    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """Gradient for the kernel (K * C in, C out) from (R, T, C in) and (R, T', C out)."""
        flat, inputs = a.flatten(1), a.shape[2]
        out = a.new_zeros(self.kernel_size * inputs, c.shape[2])
        for step in range(c.shape[1]):
            out.addmm_(self._seen(flat, step, inputs).T, c[:, step])
        return out

    def _seen(self, flat: Tensor, step: int, inputs: int) -> Tensor:
        """What output step ``step`` looks at: a view (R, K * C in) of (R, T * C in)."""
        return flat[:, step * inputs : (step + self.kernel_size) * inputs]


class SumOfProducts(Bilinear):
    """Sum over p of a_p b_p: (P, R, C in) and (P, C in, C out) to (R, C out)."""

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Operands (P, R, C in), matrices (P, C in, C out); their sum (R, C out)."""
        # Added up in place: a batched product would hold P results of (R, C out) at once.
        out = torch.mm(a[0], b[0])
        for p in range(1, len(a)):
            out.addmm_(a[p], b[p])
        return out

    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """Gradient for the operands (P, R, C in) from (R, C out) and (P, C in, C out)."""
        out = c.new_empty(len(b), len(c), b.shape[1])
        for p, matrix in enumerate(b):
            torch.mm(c, matrix.T, out=out[p])
        return out

    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """Gradient for the matrices (P, C in, C out) from (P, R, C in) and (R, C out)."""
        return torch.bmm(a.mT, c.expand(len(a), *c.shape))
