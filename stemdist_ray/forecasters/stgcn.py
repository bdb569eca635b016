"""STGCN: blocks of gated convolution over time, graph convolution, gated convolution over time.

Source: Yu et al., "Spatio-Temporal Graph Convolutional Networks: A Deep Learning Framework for
Traffic Forecasting", IJCAI 2018 (arXiv:1709.04875), with an adaptive graph in place of the road
network's. Where that is given, too, the graph is a mixture of both, whose share is learned; edges
then count in both directions, as the paper's have none.

Axis letters: N locations, W windows, T steps, C channels, K kernel size, F features.
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
from stemdist_ray.forecasters.given_graph import MixedGraph, Support
from stemdist_ray.forecasters.layers import DilatedConvolution, locations_first, windows_first
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]


class StgcnOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's."""

    blocks: _Size = Field(2, description="blocks of two temporal and one graph convolution")
    channels: _Size = Field(64, description="channels of the temporal convolutions")
    graph_channels: _Size = Field(16, description="channels of the graph convolutions")
    kernel_size: Annotated[int, Field(ge=2)] = Field(
        3, description="kernel length of the convolutions over time"
    )
    order: _Size = Field(3, description="Chebyshev terms of the graph convolution")


class GatedConvolution(nn.Module):
    """Gated linear unit over time: (conv_1(x) + residual) * sigmoid(conv_2(x))."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int) -> None:
        super().__init__()
        self.convolution = DilatedConvolution(inputs, 2 * outputs, kernel_size)
        # As in the paper, the residual is cut or filled with zeros to the number of channels.
        self.missing = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, W, T, C) to (N, W, T - K + 1, C')."""
        value, gate = self.convolution(x).chunk(2, dim=3)
        residual = functional.pad(x[:, :, -value.shape[2] :], (0, self.missing))
        out: Tensor = (value + residual) * torch.sigmoid(gate)
        return out


class StgcnBlock(nn.Module):
    """The paper's sandwich of two temporal convolutions around a graph convolution."""

    def __init__(self, inputs: int, options: StgcnOptions) -> None:
        super().__init__()
        channels, inner = options.channels, options.graph_channels
        self.order = options.order
        self.first = GatedConvolution(inputs, channels, options.kernel_size)
        self.graph = nn.Linear(options.order * channels, inner)
        self.second = GatedConvolution(inner, channels, options.kernel_size)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, graph: AdaptiveGraph) -> Tensor:
        """(N, W, T, C) to (N, W, T - 2 (K - 1), C')."""
        hidden = self.first(x)
        hidden = torch.cat(graph.chebyshev(hidden, self.order), dim=3)
        hidden = self.second(functional.relu(self.graph(hidden)))
        # Over locations and channels of a step, as in the paper; one scale per channel serves
        # any number of locations.
        centred = hidden - hidden.mean(dim=(0, 3), keepdim=True)
        variance = centred.square().mean(dim=(0, 3), keepdim=True)
        out: Tensor = centred * torch.rsqrt(variance + 1e-5) * self.weight + self.bias
        return out


@FORECASTERS.register("stgcn")
class Stgcn(GraphForecaster):
    """STGCN on any number of locations; all horizon steps come from one output layer.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = StgcnOptions
    summary = "gated and Chebyshev graph convolutions"
    source = "Yu et al., IJCAI 2018, arXiv:1709.04875"
    capturable = True
    widths = ("channels", "graph_channels")

    def __init__(self, shape: WindowShape, options: StgcnOptions) -> None:
        super().__init__(shape)
        self.options = options
        used = 2 * options.blocks * (options.kernel_size - 1)
        self.steps = used + 1
        channels = options.channels
        self.source_encoder = build_encoder(shape, options)
        self.target_encoder = build_encoder(shape, options)
        self.blocks = nn.ModuleList(
            StgcnBlock(channels if block else shape.num_features, options)
            for block in range(options.blocks)
        )
        self.last = GatedConvolution(channels, channels, max(shape.lookback, self.steps) - used)
        self.end = nn.Linear(channels, channels)
        self.output_projection = nn.Linear(channels, shape.horizon)
        # What the given graph's share is the sigmoid of: half of the mixture at first.
        self.given_share = nn.Parameter(torch.zeros(())) if shape.graph else None

    def encode(self, mean_window: Tensor, graph: LocationGraph | None = None) -> AdaptiveGraph:
        """The adaptive graph of N locations from their (N, L, F) mean windows, or a mixture."""
        first, second = self.source_encoder(mean_window), self.target_encoder(mean_window)
        if graph is None or self.given_share is None:
            return AdaptiveGraph(first, second)
        given = Support.of(graph, "both", mean_window)
        return MixedGraph(first, second, given, torch.sigmoid(self.given_share))

    def predict(self, x: Tensor, state: AdaptiveGraph) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        hidden = locations_first(x, self.steps)
        for block in self.blocks:
            hidden = block(hidden, state)
        out = self.output_projection(functional.relu(self.end(self.last(hidden)[:, :, 0])))
        return windows_first(out)

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """The first block dominates."""
        options, steps = self.options, max(self.steps, self.shape.lookback)
        terms = options.order * (4 if self.shape.graph else 2)  # of a mixture both parts are kept
        return steps * options.channels * (6 + terms) * options.blocks * 2 // 3
