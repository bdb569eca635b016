"""MTGNN written the plain way: NCHW tensors, Conv2d calls, dense graphs, one operation a line.

It takes its weights from the library's model and is what the fast code is held against. The
layout is (W, C, N, T): windows, channels, locations, steps.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.base_class import Forecaster


def graph_matrix(model, mean_window):
    learner = model.graph
    first, second = model.source_encoder(mean_window), model.target_encoder(mean_window)
    a = learner.saturation
    m1 = torch.tanh(a * learner.source(first))
    m2 = torch.tanh(a * learner.target(second))
    strength = m1 @ m2.T - m2 @ m1.T
    adjacency = torch.relu(torch.tanh(a * strength))
    if learner.top_k < len(adjacency):
        keep = torch.zeros_like(adjacency)
        keep.scatter_(1, strength.topk(learner.top_k, dim=1).indices, 1.0)
        adjacency = adjacency * keep
    return adjacency


def mix_hop(x, adjacency, weights, bias, alpha):
    count = len(adjacency)
    matrix = adjacency + torch.eye(count, dtype=x.dtype, device=x.device)
    matrix = matrix / matrix.sum(1, keepdim=True)
    hops = [x]
    for _ in range(weights.shape[1] - 1):
        propagated = torch.einsum("nm,wcmt->wcnt", matrix, hops[-1])
        hops.append(alpha * x + (1 - alpha) * propagated)
    together = torch.cat(hops, dim=1)
    kernel = weights.flatten(1)[:, :, None, None]
    return F.conv2d(together, kernel, bias)


def inception(x, weights, biases):
    outputs = [
        F.conv2d(x, weight[:, :, None, :], bias)
        for weight, bias in zip(weights, biases, strict=True)
    ]
    shortest = outputs[-1].shape[3]
    return torch.cat([o[..., -shortest:] for o in outputs], dim=1)


def layer_norm(x, weight, bias):
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(1, 2, 3), keepdim=True)
    scaled = (x - mean) / torch.sqrt(variance + 1e-5)
    return scaled * weight[None, :, None, :] + bias[None, :, None, :]


def skip_convolution(x, linear):
    """A linear layer over (T, C) of each location as a convolution over all remaining steps."""
    steps, channels = x.shape[3], x.shape[1]
    kernel = linear.weight.view(-1, steps, channels).permute(0, 2, 1)[:, :, None, :]
    return F.conv2d(x, kernel, linear.bias)


class PlainMtgnn(Forecaster):
    """A library MTGNN's weights behind plain code; trains and forecasts like the original.

    Args:
        model: Gives weights and options; shared, not copied.
    """

    def __init__(self, model):
        super().__init__(model.shape)
        self.model = model

    def encode(self, mean_window):
        return graph_matrix(self.model, mean_window)

    def predict(self, x, state):
        """(W, L, N, F) inputs and the (N, N) adjacency to (W, H, N) forecasts."""
        model, options = self.model, self.model.options
        hidden = x.permute(0, 3, 2, 1)
        skip = skip_convolution(self.drop(hidden), model.skip_input)
        hidden = F.pad(hidden, (model.padding, 0))
        hidden = F.conv2d(
            hidden, model.input_projection.weight[:, :, None, None], model.input_projection.bias
        )
        for layer in range(options.layers):
            residual = hidden
            kernels = model.kernels[layer]
            half = len(kernels.lengths)
            filtered = inception(hidden, kernels.weights[:half], kernels.biases[:half])
            gate = inception(hidden, kernels.weights[half:], kernels.biases[half:])
            hidden = self.drop(torch.tanh(filtered) * torch.sigmoid(gate))
            skip = skip + skip_convolution(hidden, model.skips[layer])
            p = model.propagations[layer]
            forward = mix_hop(hidden, state, p.forward_weights, p.forward_bias, options.alpha)
            back = mix_hop(hidden, state.T, p.backward_weights, p.backward_bias, options.alpha)
            hidden = forward + back + residual[..., -hidden.shape[3] :]
            hidden = layer_norm(hidden, model.norms[layer].weight, model.norms[layer].bias)
        skip = skip + skip_convolution(hidden, model.skip_last)
        out = torch.relu(skip)
        out = torch.relu(F.conv2d(out, model.end.weight[:, :, None, None], model.end.bias))
        out = F.conv2d(
            out, model.output_projection.weight[:, :, None, None], model.output_projection.bias
        )
        return out[..., 0]

    def drop(self, x):
        return F.dropout(x, self.model.options.dropout, self.training)


def plain_twin(model):
    """The same forecaster in plain code."""
    return PlainMtgnn(model)


def reference_forward(model, x, mean_window):
    """(W, L, N, F) inputs to (W, H, N) forecasts, in eval mode."""
    return PlainMtgnn(model).eval()(x, mean_window)
