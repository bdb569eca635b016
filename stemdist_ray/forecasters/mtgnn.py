"""MTGNN with STemDist's location encoder in place of its node embeddings.

Source: Wu et al., "Connecting the Dots: Multivariate Time Series Forecasting with Graph Neural
Networks", KDD 2020 (arXiv:2005.11650). Where a graph is given, it is added to the learned strengths
before the strongest edges are chosen; how much it counts is learned.

Axis letters: N locations, W windows, L lookback, H horizon, T steps, C channels, F features.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.forecasters.base_class import GraphForecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.given_graph import prior_of
from stemdist_ray.forecasters.graph import Graph, GraphLearner
from stemdist_ray.forecasters.layers import (
    InceptionKernels,
    MixHop,
    StepwiseLayerNorm,
    convolution_matrix,
    convolve,
    dropout,
    gated,
)
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_LENGTHS = (2, 3, 6, 7)
_Size = Annotated[int, Field(ge=1)]


class MtgnnOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's."""

    layers: _Size = Field(3, description="layers, each over time and then over the graph")
    channels: Annotated[int, Field(ge=4, multiple_of=4)] = Field(
        32, description="channels of the convolutions, shared by four kernel lengths"
    )
    skip_channels: _Size = Field(64, description="channels of the sum over the layers")
    end_channels: _Size = Field(128, description="width of the layer before the output")
    top_k: _Size = Field(20, description="neighbours kept per location")
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.3, description="share of values dropped after each gate and before the first skip"
    )
    hops: _Size = Field(2, description="hops over the graph per layer")
    alpha: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.05, description="share of a layer's input kept at each hop"
    )
    saturation: Annotated[float, Field(gt=0.0)] = Field(
        3.0, description="factor inside the tanh of embeddings and edges"
    )


@FORECASTERS.register("mtgnn")
class Mtgnn(GraphForecaster):
    """MTGNN on any number of locations.

    Args:
        shape: L, H and F; L and H are independent of each other.
        options: Hyper-parameters.
    """

    Options = MtgnnOptions
    summary = "inception over time, mix-hop over a learned graph"
    source = "Wu et al., KDD 2020, arXiv:2005.11650"
    capturable = True
    widths = ("channels", "skip_channels", "end_channels")

    def __init__(self, shape: WindowShape, options: MtgnnOptions) -> None:
        super().__init__(shape)
        self.options = options
        kernel_size = max(_LENGTHS)
        lookback, features, channels = shape.lookback, shape.num_features, options.channels
        # Inputs shorter than the receptive field are padded with zeros in front.
        self.padding = max(0, 1 + options.layers * (kernel_size - 1) - lookback)
        steps = [lookback + self.padding - i * (kernel_size - 1) for i in range(options.layers + 1)]
        self.steps = steps
        inputs = lookback * features
        self.source_encoder = build_encoder(shape, options)
        self.target_encoder = build_encoder(shape, options)
        self.graph = GraphLearner(
            options.embedding,
            options.top_k,
            options.saturation,
            1 - options.alpha,
            given=shape.graph,
        )
        self.input_projection = nn.Linear(features, channels)
        self.kernels = nn.ModuleList(
            InceptionKernels(channels, channels, _LENGTHS) for _ in range(options.layers)
        )
        self.propagations = nn.ModuleList(
            MixHop(channels, channels, options.hops, options.alpha) for _ in range(options.layers)
        )
        self.norms = nn.ModuleList(StepwiseLayerNorm(channels, t) for t in steps[1:])
        self.skip_input = nn.Linear(inputs, options.skip_channels)
        self.skips = nn.ModuleList(
            nn.Linear(t * channels, options.skip_channels) for t in steps[1:]
        )
        self.skip_last = nn.Linear(steps[-1] * channels, options.skip_channels)
        self.end = nn.Linear(options.skip_channels, options.end_channels)
        self.output_projection = nn.Linear(options.end_channels, shape.horizon)

    def encode(self, mean_window: Tensor, graph: LocationGraph | None = None) -> Graph:
        """Learn the graph of N locations from their (N, L, F) mean windows, and a given one."""
        learned: Graph = self.graph(
            self.source_encoder(mean_window),
            self.target_encoder(mean_window),
            None if graph is None else prior_of(graph, mean_window),
        )
        return learned

    def predict(self, x: Tensor, state: Graph) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        raw = x.permute(2, 0, 1, 3).contiguous()  # (N, W, L, F)
        skip = self.skip_input(self._drop(raw).flatten(2))
        hidden = functional.pad(raw, (0, 0, self.padding, 0))
        for layer in range(self.options.layers):
            mixed = self._drop(self._convolve(layer, hidden, raw))
            skip = skip + self.skips[layer](mixed.flatten(2))
            # The first layer's residual is the start convolution at the steps still needed.
            kept = hidden[:, :, -self.steps[layer + 1] :]
            residual = self.input_projection(kept) if layer == 0 else kept
            hidden = self.norms[layer](self.propagations[layer](mixed, state) + residual)
        skip = skip + self.skip_last(hidden.flatten(2))
        out = self.output_projection(functional.relu(self.end(functional.relu(skip))))
        forecast: Tensor = out.permute(1, 2, 0)
        return forecast

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """The first layer dominates: both gates, all hops of both directions, and copies."""
        return self.steps[1] * self.options.channels * (6 + 2 * (self.options.hops + 1))

    def _convolve(self, layer: int, hidden: Tensor, raw: Tensor) -> Tensor:
        """Gated inception convolution: (N, W, T, C) to (N, W, T - 6, C)."""
        kernels = self.kernels[layer]
        assert isinstance(kernels, InceptionKernels)
        kernel, bias = kernels.kernel()
        if layer > 0:
            return gated(convolve(hidden, kernel) + bias)
        # The start convolution is linear, so it is folded into this kernel: F input features
        # take part instead of C channels, and the zero padding need not be convolved.
        bias = bias + torch.einsum("kco,c->o", kernel, self.input_projection.bias)
        kernel = torch.einsum("kco,cf->kfo", kernel, self.input_projection.weight)
        matrix = convolution_matrix(kernel, self.steps[0])[self.padding * raw.shape[3] :]
        rows = raw.flatten(2).flatten(0, 1)
        pre = torch.addmm(bias.repeat(self.steps[1]), rows, matrix)
        return gated(pre.view(*raw.shape[:2], -1, len(bias)))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.options.dropout, self.training)
