"""Building blocks of the forecasters as plain matrix products.

Tensors have the layout (N, W, T, C): locations first, so that propagation over locations is one
product from the left, and channels last, so that temporal convolutions are one from the right.
Axis letters: N locations, W windows, T steps, C channels, K kernel size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.bilinear import Convolution, SumOfProducts
from stemdist_ray.forecasters.graph import Graph


def uniform_parameter(*shape: int, fan_in: int) -> nn.Parameter:
    """A parameter drawn like torch's own linear and convolution layers draw theirs."""
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


class InceptionKernels(nn.Module):
    """The kernels of a dilated inception layer: several lengths, filter and gate.

    The outputs of all lengths are aligned at their last step, so a short kernel equals a long
    one that starts with zeros; all of them together are one convolution.

    Args:
        inputs: C in.
        outputs: C out, divisible by the number of lengths.
        lengths: Kernel lengths (MTGNN: 2, 3, 6, 7).
    """

    def __init__(self, inputs: int, outputs: int, lengths: tuple[int, ...]) -> None:
        super().__init__()
        share = outputs // len(lengths)
        self.lengths = lengths
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for _ in ("filter", "gate"):
            for length in lengths:
                fan_in = inputs * length
                self.weights.append(uniform_parameter(share, inputs, length, fan_in=fan_in))
                self.biases.append(uniform_parameter(share, fan_in=fan_in))

    def kernel(self) -> tuple[Tensor, Tensor]:
        """Return the one kernel (K, C in, 2 * C out) and its bias (2 * C out).

        The filter's half is doubled, as :func:`gated` wants it.
        """
        kernel_size, count = max(self.lengths), len(self.lengths)
        padded = [functional.pad(w, (kernel_size - w.shape[2], 0)) for w in self.weights]
        padded = [2 * w for w in padded[:count]] + padded[count:]
        biases = list(self.biases)  # a slice of a ParameterList would cut the graph
        biases = [2 * b for b in biases[:count]] + biases[count:]
        return torch.cat(padded).permute(2, 1, 0), torch.cat(biases)


def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """Valid convolution over time.

    Args:
        x: (N, W, T, C in).
        kernel: (K, C in, C out), K at most T.

    Returns:
        (N, W, T - K + 1, C out).
    """
    out = Convolution(len(kernel))(x.flatten(0, 1).contiguous(), kernel.flatten(0, 1))
    return out.view(*x.shape[:2], *out.shape[1:])


def convolution_matrix(kernel: Tensor, steps: int) -> Tensor:
    """Write a valid convolution over ``steps`` steps as one matrix.

    Args:
        kernel: (K, C in, C out).
        steps: T, at least K.

    Returns:
        (T * C in, (T - K + 1) * C out), so that ``x.flatten(-2) @ matrix`` is the convolution.
    """
    kernel_size, inputs, outputs = kernel.shape
    left = steps - kernel_size + 1
    if left == 1:
        return kernel.reshape(kernel_size * inputs, outputs)
    # Kernels with zeros behind them up to T + 1 steps, written one after the other and read T steps
    # at a time, begin one step later in every row. (Gathered by an index, threads would add their
    # gradients in any order.)
    padded = functional.pad(kernel, (0, 0, 0, 0, 0, steps + 1 - kernel_size))
    rows = padded.expand(left, *padded.shape).flatten(0, 1)[: left * steps]
    blocks = rows.view(left, steps, inputs, outputs)  # (T', T, C in, C out)
    return blocks.permute(1, 2, 0, 3).reshape(steps * inputs, left * outputs)


class MixHop(nn.Module):
    """Mix-hop propagation along both directions of a graph, summed.

    h_0 = x, h_j = alpha * x + (1 - alpha) * A h_(j-1), out = sum_j h_j W_j per direction.
    Collecting powers of A gives out = x V_0 + sum_j (A^j x) V_j per direction with
    V_j = W_j + alpha * sum_(m > j) W_m, in which nothing is concatenated: all powers of both
    directions are one product from the left and one batched product from the right.

    Args:
        inputs: C in.
        outputs: C out.
        depth: Number of hops (MTGNN: 2).
        alpha: Share of the input kept at each hop (MTGNN: 0.05).
    """

    def __init__(self, inputs: int, outputs: int, depth: int, alpha: float) -> None:
        super().__init__()
        self.alpha, self.depth = alpha, depth
        fan_in = (depth + 1) * inputs
        self.forward_weights = uniform_parameter(outputs, depth + 1, inputs, fan_in=fan_in)
        self.backward_weights = uniform_parameter(outputs, depth + 1, inputs, fan_in=fan_in)
        self.forward_bias = uniform_parameter(outputs, fan_in=fan_in)
        self.backward_bias = uniform_parameter(outputs, fan_in=fan_in)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """Propagate (N, W, T, C in) to (N, W, T, C out)."""
        both = torch.stack([self.forward_weights, self.backward_weights])  # (2, out, hop, in)
        tail = both.flip(2).cumsum(2).flip(2)
        coefficients = both + self.alpha * (tail - both)
        own, *hops = coefficients.permute(2, 0, 3, 1).unbind()  # each (2, in, out)
        rows = x.flatten(0, 2)
        propagated = graph.propagate(x.flatten(1), self.depth).view(-1, *rows.shape)
        mixed = SumOfProducts()(propagated, torch.cat(hops))
        out = torch.addmm(self.forward_bias + self.backward_bias, rows, own.sum(0)) + mixed
        return out.view(*x.shape[:3], -1)


class StepwiseLayerNorm(nn.Module):
    """Layer normalisation over locations, steps and channels of a window, as in MTGNN.

    MTGNN learns one scale per location, step and channel; here it is one per step and channel,
    which is all that can be carried to another number of locations.

    Args:
        channels: C.
        steps: T.
    """

    def __init__(self, channels: int, steps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, steps))
        self.bias = nn.Parameter(torch.zeros(channels, steps))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, W, T, C); the statistics are computed in the precision of the weights."""
        x = x.to(self.weight.dtype)
        mean = _window_mean(x)
        scale = torch.rsqrt(_window_mean((x - mean).square()) + 1e-5) * self.weight.T
        # Factor and shift are the same at every location: one pass over x applies both.
        return torch.addcmul(self.bias.T - mean * scale, x, scale)


def _window_mean(x: Tensor) -> Tensor:
    """Mean over all but the windows of (N, W, T, C), as (1, W, 1, 1)."""
    # In two steps: the inner axes first, where a reduction runs at the speed of memory.
    return x.flatten(2).mean(2).mean(0).view(1, -1, 1, 1)


def gated(pre: Tensor) -> Tensor:
    """tanh(filter) * sigmoid(gate), with tanh(f) written as 2 sigmoid(2 f) - 1.

    Args:
        pre: (..., 2 * C): twice the filter's input, then the gate's.

    Returns:
        (..., C).
    """
    doubled, gate = torch.sigmoid(pre).chunk(2, dim=-1)
    return torch.addcmul(-gate, doubled, gate, value=2)


def tanh_gate(pre: Tensor) -> Tensor:
    """tanh(filter) * sigmoid(gate).

    Args:
        pre: (..., 2 * C): the filter's input, then the gate's.

    Returns:
        (..., C).
    """
    value, gate = pre.chunk(2, dim=-1)
    return torch.tanh(value) * torch.sigmoid(gate)


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """Zero a share of the entries and scale the others, as torch's dropout does.

    On a CPU torch draws one Bernoulli number per entry, which takes as long as a matrix product;
    here 16 random bits decide, so the share is met to within 1 / 65536.
    """
    if not training or share == 0.0 or x.device.type != "cpu":
        return functional.dropout(x, share, training)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.int16)[: x.numel()] >= round(share * 2**16) - 2**15
    return x * kept.view(x.shape).to(x.dtype).mul_(1 / (1 - share))


class DilatedConvolution(nn.Module):
    """Valid convolution over time with gaps inside the kernel: (N, W, T, C) to (N, W, T', C').

    Args:
        inputs: C.
        outputs: C'.
        kernel_size: K.
        dilation: Steps from one entry of the kernel to the next; T' = T - (K - 1) * dilation.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.weight = uniform_parameter(kernel_size, inputs, outputs, fan_in=kernel_size * inputs)
        self.bias = uniform_parameter(outputs, fan_in=kernel_size * inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, W, T, C) to (N, W, T', C')."""
        kernel_size = len(self.weight)
        steps = x.shape[2] - (kernel_size - 1) * self.dilation
        out: Tensor = self.bias
        for position in range(kernel_size):
            first = position * self.dilation
            out = out + x[:, :, first : first + steps] @ self.weight[position]
        return out


def locations_first(x: Tensor, steps: int) -> Tensor:
    """(W, L, N, F) to (N, W, max(L, steps), F), zeros in front of inputs that are too short."""
    return functional.pad(x.permute(2, 0, 1, 3), (0, 0, max(0, steps - x.shape[1]), 0))


def windows_first(x: Tensor) -> Tensor:
    """(N, W, H) to (W, H, N)."""
    return x.permute(1, 2, 0)
