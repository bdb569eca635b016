"""STGCN written the plain way: Conv2d calls, Chebyshev polynomials as full matrices.

It takes its weights from the library's model. The layout is (W, C, N, T): windows, channels,
locations, steps. Equations are those of Yu et al., IJCAI 2018.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.base_class import Forecaster
from tests.reference.location_encoder import embed
from tests.reference.plain_layers import affine


def adaptive_matrix(first, second):
    """Entry by entry: how much location n listens to location m."""
    rows = []
    for listener in first:
        weights = torch.stack([torch.exp(torch.relu(listener @ other)) for other in second])
        rows.append(weights / weights.sum())
    return torch.stack(rows)


def chebyshev_matrices(matrix, order):
    """T_0 to T_(order - 1) of an (N, N) matrix."""
    polynomials = [torch.eye(len(matrix), dtype=matrix.dtype), matrix]
    while len(polynomials) < order:
        polynomials.append(2 * matrix @ polynomials[-1] - polynomials[-2])
    return polynomials[:order]


def gated_convolution(layer, x):
    """(P + residual) * sigmoid(Q), with P and Q from convolutions along the time axis."""
    kernels = layer.convolution.weight.permute(2, 1, 0)[:, :, None, :]  # (2 C', C, 1, K)
    outputs = len(kernels) // 2
    bias = layer.convolution.bias
    p = F.conv2d(x, kernels[:outputs], bias[:outputs])
    q = F.conv2d(x, kernels[outputs:], bias[outputs:])
    residual = x[:, :outputs, :, -p.shape[3] :]
    if residual.shape[1] < outputs:
        residual = torch.cat([residual, torch.zeros_like(p)[:, residual.shape[1] :]], dim=1)
    return (p + residual) * torch.sigmoid(q)


def graph_convolution(linear, x, matrix, order):
    """Sum over k of Theta_k T_k(A) x."""
    channels, out = x.shape[1], 0
    for k, polynomial in enumerate(chebyshev_matrices(matrix, order)):
        theta = linear.weight[:, k * channels : (k + 1) * channels]
        heard = torch.einsum("nm,wcmt->wcnt", polynomial, x)
        out = out + F.conv2d(heard, theta[:, :, None, None])
    return out + linear.bias[:, None, None]


def layer_norm(block, x):
    """Over locations and channels of one step of one window, with a scale per channel."""
    by_step = x.permute(0, 3, 2, 1)  # (W, T, N, C)
    locations = by_step.shape[2]
    scale, shift = block.weight.expand(locations, -1), block.bias.expand(locations, -1)
    return F.layer_norm(by_step, scale.shape, scale, shift).permute(0, 3, 2, 1)


class PlainStgcn(Forecaster):
    """A library STGCN's weights behind plain code.

    Args:
        model: Gives weights and options; shared, not copied.
    """

    def __init__(self, model):
        super().__init__(model.shape)
        self.model = model

    def encode(self, mean_window):
        model = self.model
        first = embed(model.source_encoder, mean_window)
        second = embed(model.target_encoder, mean_window)
        return adaptive_matrix(first, second)

    def predict(self, x, state):
        """(W, L, N, F) inputs and the (N, N) adjacency to (W, H, N) forecasts."""
        model, options = self.model, self.model.options
        shortest = 1 + 2 * options.blocks * (options.kernel_size - 1)
        hidden = x.permute(0, 3, 2, 1)
        hidden = F.pad(hidden, (max(0, shortest - hidden.shape[3]), 0))
        for block in model.blocks:
            hidden = gated_convolution(block.first, hidden)
            hidden = torch.relu(graph_convolution(block.graph, hidden, state, options.order))
            hidden = layer_norm(block, gated_convolution(block.second, hidden))
        hidden = gated_convolution(model.last, hidden)
        assert hidden.shape[3] == 1
        windows = []
        for window in hidden[..., 0]:
            ends = [torch.relu(affine(model.end, location)) for location in window.T]
            forecasts = [affine(model.output_projection, end) for end in ends]
            windows.append(torch.stack(forecasts, dim=1))
        return torch.stack(windows)


def plain_twin(model):
    """The same forecaster in plain code."""
    return PlainStgcn(model)
