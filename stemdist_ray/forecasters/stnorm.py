"""ST-Norm: WaveNet whose layers also see their input normalised over time and over space.

Source: Deng et al., "ST-Norm: Spatial and Temporal Normalization for Multi-variate Time Series
Forecasting", KDD 2021.

Axis letters: N locations, W windows, T steps, C channels, F features.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.layers import (
    DilatedConvolution,
    locations_first,
    tanh_gate,
    windows_first,
)
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]


class StnormOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's."""

    channels: _Size = Field(16, description="channels of the convolutions")
    kernel_size: Annotated[int, Field(ge=2)] = Field(
        2, description="kernel length of the convolutions over time"
    )
    dilations: tuple[_Size, ...] = Field(
        (1, 2, 4, 8), description="steps between kernel entries, one number per layer"
    )


class Normalised(nn.Module):
    """Zero mean and unit variance over some axes of (N, W, T, C), with a scale per channel."""

    def __init__(self, channels: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, W, T, C) to the same."""
        centred = x - x.mean(dim=self.axis, keepdim=True)
        variance = centred.square().mean(dim=self.axis, keepdim=True)
        return centred * torch.rsqrt(variance + 1e-5) * self.weight + self.bias


class StnormLayer(nn.Module):
    """Gated dilated convolution of the input, beside both normalised versions of it."""

    def __init__(self, options: StnormOptions, dilation: int) -> None:
        super().__init__()
        channels = options.channels
        self.over_time = Normalised(channels, axis=2)
        self.over_space = Normalised(channels, axis=0)
        self.convolution = DilatedConvolution(
            3 * channels, 2 * channels, options.kernel_size, dilation
        )
        self.mix, self.skip = nn.Linear(channels, channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, W, T, C) to (N, W, T', C), and what the last step gives the output, (N, W, C)."""
        seen = torch.cat([x, self.over_time(x), self.over_space(x)], dim=3)
        hidden = tanh_gate(self.convolution(seen))
        return x[:, :, -hidden.shape[2] :] + self.mix(hidden), self.skip(hidden[:, :, -1])


@FORECASTERS.register("stnorm")
class Stnorm(Forecaster):
    """ST-Norm on any number of locations.

    Two changes let it run on locations it was not trained on: the temporal normalisation takes
    its mean and variance from the window alone (the paper keeps running ones per location), and
    the location's embedding joins the first layer.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = StnormOptions
    summary = "WaveNet with spatial and temporal normalisation"
    source = "Deng et al., KDD 2021, doi:10.1145/3447548.3467330"
    capturable = True
    widths = ("channels",)

    def __init__(self, shape: WindowShape, options: StnormOptions) -> None:
        super().__init__(shape)
        self.options = options
        self.steps = 1 + (options.kernel_size - 1) * sum(options.dilations)
        self.encoder = build_encoder(shape, options)
        self.locate = nn.Linear(options.embedding, options.channels)
        self.input_projection = nn.Linear(shape.num_features, options.channels)
        self.layers = nn.ModuleList(StnormLayer(options, d) for d in options.dilations)
        self.end = nn.Linear(options.channels, options.channels)
        self.output_projection = nn.Linear(options.channels, shape.horizon)

    def encode(self, mean_window: Tensor) -> Tensor:
        """What N locations add to the first layer, (N, C), from their (N, L, F) mean windows."""
        added: Tensor = self.locate(self.encoder(mean_window))
        return added

    def predict(self, x: Tensor, state: Tensor) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        hidden = self.input_projection(locations_first(x, self.steps)) + state[:, None, None]
        skip = torch.zeros_like(hidden[:, :, 0])
        for layer in self.layers:
            hidden, part = layer(hidden)
            skip = skip + part
        out = self.output_projection(functional.relu(self.end(functional.relu(skip))))
        return windows_first(out)

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """Normalised copies and gates of every layer."""
        steps = max(self.steps, self.shape.lookback)
        return len(self.layers) * steps * self.options.channels * 12
