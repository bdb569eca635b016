"""Graph WaveNet: dilated convolutions over time, diffusion over a learned graph.

Source: Wu et al., "Graph WaveNet for Deep Spatial-Temporal Graph Modeling", IJCAI 2019
(arXiv:1906.00121). Where a graph is given, values spread along its edges and against them as well,
as in the paper.

Axis letters: N locations, W windows, T steps, C channels, F features.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.forecasters.adaptive import AdaptiveGraph
from stemdist_ray.forecasters.base_class import GraphForecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.given_graph import DiffusionGraph, Support
from stemdist_ray.forecasters.layers import (
    DilatedConvolution,
    dropout,
    locations_first,
    tanh_gate,
    windows_first,
)
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]


class GraphWavenetOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's."""

    channels: _Size = Field(32, description="channels of the convolutions")
    skip_channels: _Size = Field(256, description="channels of the sum over the layers")
    end_channels: _Size = Field(512, description="width of the layer before the output")
    kernel_size: Annotated[int, Field(ge=2)] = Field(
        2, description="kernel length of the convolutions over time"
    )
    dilations: tuple[_Size, ...] = Field(
        (1, 2, 1, 2, 1, 2, 1, 2), description="steps between kernel entries, one number per layer"
    )
    hops: _Size = Field(2, description="diffusion steps over the graph per layer")
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.3, description="share of values dropped after the diffusion"
    )


class WavenetLayer(nn.Module):
    """Gated dilated convolution, diffusion over the graph, residual, batch norm."""

    def __init__(self, options: GraphWavenetOptions, dilation: int, supports: int) -> None:
        super().__init__()
        channels = options.channels
        self.hops, self.drop = options.hops, options.dropout
        self.convolution = DilatedConvolution(channels, 2 * channels, options.kernel_size, dilation)
        self.skip = nn.Linear(channels, options.skip_channels)
        self.diffuse = nn.Linear((supports * options.hops + 1) * channels, channels)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor, graph: AdaptiveGraph) -> tuple[Tensor, Tensor]:
        """(N, W, T, C) to (N, W, T', C), and what the last step gives the output, (N, W, C')."""
        hidden = tanh_gate(self.convolution(x))
        # The forecast reads the last step of the sum only; earlier ones need no skip.
        skip = self.skip(hidden[:, :, -1])
        propagated = self.diffuse(torch.cat(graph.powers(hidden, self.hops), dim=3))
        out = dropout(propagated, self.drop, self.training) + x[:, :, -hidden.shape[2] :]
        return self.norm(out.flatten(0, 2)).view_as(out), skip


@FORECASTERS.register("graph_wavenet")
class GraphWavenet(GraphForecaster):
    """Graph WaveNet with its adaptive graph, on any number of locations.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = GraphWavenetOptions
    summary = "dilated convolutions and an adaptive graph"
    source = "Wu et al., IJCAI 2019, arXiv:1906.00121"
    capturable = True
    widths = ("channels", "skip_channels", "end_channels")

    def __init__(self, shape: WindowShape, options: GraphWavenetOptions) -> None:
        super().__init__(shape)
        self.options = options
        self.steps = 1 + (options.kernel_size - 1) * sum(options.dilations)
        self.source_encoder = build_encoder(shape, options)
        self.target_encoder = build_encoder(shape, options)
        self.input_projection = nn.Linear(shape.num_features, options.channels)
        self.supports = 3 if shape.graph else 1  # the adaptive one, and two that are given
        self.layers = nn.ModuleList(
            WavenetLayer(options, d, self.supports) for d in options.dilations
        )
        self.end = nn.Linear(options.skip_channels, options.end_channels)
        self.output_projection = nn.Linear(options.end_channels, shape.horizon)

    def encode(self, mean_window: Tensor, graph: LocationGraph | None = None) -> AdaptiveGraph:
        """The adaptive graph of N locations from their (N, L, F) mean windows, and a given one."""
        first, second = self.source_encoder(mean_window), self.target_encoder(mean_window)
        if graph is None:
            return AdaptiveGraph(first, second)
        along, against = (Support.of(graph, d, mean_window) for d in ("forward", "backward"))
        return DiffusionGraph(first, second, (along, against))

    def predict(self, x: Tensor, state: AdaptiveGraph) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        hidden, skips = self.input_projection(locations_first(x, self.steps)), []
        for layer in self.layers:
            hidden, part = layer(hidden, state)
            skips.append(part)
        skip = torch.stack(skips).sum(dim=0)
        out = self.output_projection(functional.relu(self.end(functional.relu(skip))))
        return windows_first(out)

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """Gates, hops and sums of every layer, and the wide end."""
        options, steps = self.options, max(self.steps, self.shape.lookback)
        layer = (
            steps * options.channels * (8 + self.supports * options.hops) + options.skip_channels
        )
        return len(self.layers) * layer // 2 + 2 * options.end_channels
