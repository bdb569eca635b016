"""ST-Norm written the plain way: one convolution per version of the input, skips of all steps.

It takes its weights from the library's model. The layout is (W, C, N, T): windows, channels,
locations, steps. Equations are those of Deng et al., KDD 2021; as in the library, the temporal
normalisation uses the window's own statistics.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.base_class import Forecaster
from tests.reference.location_encoder import embed
from tests.reference.plain_layers import affine, convolve_pointwise


def standardise(series):
    """Zero mean and unit variance along the last axis."""
    count = series.shape[-1]
    mean = series.sum(dim=-1, keepdim=True) / count
    variance = ((series - mean) ** 2).sum(dim=-1, keepdim=True) / count
    return (series - mean) / torch.sqrt(variance + 1e-5)


def temporal_norm(norm, x):
    """Every location's series by itself."""
    series = [standardise(x[:, :, n]) for n in range(x.shape[2])]
    return torch.stack(series, dim=2) * norm.weight[:, None, None] + norm.bias[:, None, None]


def spatial_norm(norm, x):
    """Every step's map of locations by itself."""
    maps = [standardise(x[:, :, :, t]) for t in range(x.shape[3])]
    return torch.stack(maps, dim=3) * norm.weight[:, None, None] + norm.bias[:, None, None]


def causal_convolution(convolution, versions):
    """The sum of one dilated convolution per version of the input."""
    kernels = convolution.weight.permute(2, 1, 0)[:, :, None, :].chunk(len(versions), dim=1)
    outputs = [
        F.conv2d(version, kernel, dilation=(1, convolution.dilation))
        for version, kernel in zip(versions, kernels, strict=True)
    ]
    return sum(outputs) + convolution.bias[:, None, None]


class PlainStnorm(Forecaster):
    """A library ST-Norm's weights behind plain code.

    Args:
        model: Gives weights and options; shared, not copied.
    """

    def __init__(self, model):
        super().__init__(model.shape)
        self.model = model

    def encode(self, mean_window):
        embeddings = embed(self.model.encoder, mean_window)
        return torch.stack([affine(self.model.locate, e) for e in embeddings], dim=1)

    def predict(self, x, state):
        """(W, L, N, F) inputs and the (C, N) additions to (W, H, N) forecasts."""
        model, options = self.model, self.model.options
        field = 1 + (options.kernel_size - 1) * sum(options.dilations)
        hidden = x.permute(0, 3, 2, 1)
        hidden = F.pad(hidden, (max(0, field - hidden.shape[3]), 0))
        hidden = convolve_pointwise(model.input_projection, hidden) + state[:, :, None]
        skips = []
        for layer in model.layers:
            versions = [
                hidden,
                temporal_norm(layer.over_time, hidden),
                spatial_norm(layer.over_space, hidden),
            ]
            filtered, gate = causal_convolution(layer.convolution, versions).chunk(2, dim=1)
            gated = torch.tanh(filtered) * torch.sigmoid(gate)
            skips.append(convolve_pointwise(layer.skip, gated))
            hidden = hidden[..., -gated.shape[3] :] + convolve_pointwise(layer.mix, gated)
        steps = skips[-1].shape[3]
        total = sum(skip[..., -steps:] for skip in skips)
        total = convolve_pointwise(model.end, torch.relu(total))
        return convolve_pointwise(model.output_projection, torch.relu(total))[..., -1]


def plain_twin(model):
    """The same forecaster in plain code."""
    return PlainStnorm(model)
