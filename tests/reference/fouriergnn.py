"""FourierGNN written the plain way: the whole complex spectrum as a product with a DFT matrix.

It takes its weights from the library's model. Equations are those of Yi et al., NeurIPS 2023;
the upper half of a real sequence's spectrum is the mirror image of the lower one.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.base_class import Forecaster
from tests.reference.location_encoder import embed
from tests.reference.plain_layers import affine


def fourier_matrix(length):
    """(length, length), unitary."""
    steps = torch.arange(length, dtype=torch.float64)
    angles = -2 * math.pi * torch.outer(steps, steps) / length
    return torch.complex(torch.cos(angles), torch.sin(angles)) / math.sqrt(length)


def rectify(x):
    """Both parts of complex numbers."""
    return torch.complex(torch.relu(x.real), torch.relu(x.imag))


def shrink(x, threshold):
    """Move both parts of complex numbers towards zero, at most to it."""

    def part(values):
        return torch.relu(values - threshold) - torch.relu(-values - threshold)

    return torch.complex(part(x.real), part(x.imag))


class PlainFouriergnn(Forecaster):
    """A library FourierGNN's weights behind plain code.

    Args:
        model: Gives weights and options; shared, not copied.
    """

    def __init__(self, model):
        super().__init__(model.shape)
        self.model = model

    def encode(self, mean_window):
        """The order of the locations, and the (N, D) additions to their tokens."""
        levels = mean_window[:, :, self.shape.target].mean(1).tolist()
        order = sorted(range(len(levels)), key=lambda n: levels[n])
        embeddings = embed(self.model.encoder, mean_window)
        return order, torch.stack([affine(self.model.locate, e) for e in embeddings])

    def predict(self, x, state):
        """(W, L, N, F) inputs and what :meth:`encode` returns to (W, H, N) forecasts."""
        return torch.stack([self.window(window, *state) for window in x])

    def window(self, x, order, added):
        """(L, N, F) inputs of one window to its (H, N) forecast."""
        steps = len(x)
        value = self.model.input_projection.weight  # (D, F)
        tokens = [value @ x[t, n] + added[n] for n in order for t in range(steps)]
        sequence = torch.stack(tokens)
        output = sequence + self.mix(sequence)
        columns = [None] * len(order)
        for place, n in enumerate(order):
            columns[n] = self.head(output[place * steps : (place + 1) * steps])
        return torch.stack(columns, dim=1)

    def mix(self, sequence):
        """What the Fourier graph operators make of a (M, D) sequence."""
        length, model = len(sequence), self.model
        transform = fourier_matrix(length)
        lower = (transform @ sequence.to(transform.dtype))[: length // 2 + 1]
        total = torch.zeros_like(lower)
        for operator in model.operators:
            weight = torch.complex(operator.real, operator.imaginary)
            bias = torch.complex(operator.real_bias, operator.imaginary_bias)
            lower = rectify(lower @ weight + bias)
            total = total + shrink(lower, model.options.sparsity)
        upper = [total[length - k].conj() for k in range(len(total), length)]
        whole = torch.stack([*total, *upper])
        return (transform.conj() @ whole).real

    def head(self, series):
        """(L, D) of one location to its (H,) forecast."""
        reduced = self.model.reduce.weight @ series  # (reduced steps, D)
        first, _, second, _, third = self.model.output_projection
        hidden = F.leaky_relu(affine(first, reduced.T.flatten()), 0.01)
        return affine(third, F.leaky_relu(affine(second, hidden), 0.01))


def plain_twin(model):
    """The same forecaster in plain code."""
    return PlainFouriergnn(model)
