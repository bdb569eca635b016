"""AGCRN: a recurrent network whose gates have parameters of each location's own.

Source: Bai et al., "Adaptive Graph Convolutional Recurrent Network for Traffic Forecasting",
NeurIPS 2020 (arXiv:2007.02842).

Axis letters: N locations, W windows, T steps, C channels, F features, R embedding, K order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from stemdist_ray.forecasters.adaptive import AdaptiveGraph
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.layers import uniform_parameter
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]
_LOCATIONS_PER_BLOCK = 1024


class AgcrnOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's."""

    layers: _Size = Field(2, description="recurrent cells on top of each other")
    hidden: _Size = Field(64, description="width of a cell's hidden state")
    order: _Size = Field(2, description="Chebyshev terms of the graph convolution")


@dataclass(frozen=True)
class AgcrnState:
    """What AGCRN knows of N locations.

    Args:
        embedding: (N, R).
        graph: softmax(relu(E E^T)).
    """

    embedding: Tensor
    graph: AdaptiveGraph


class AdaptiveConvolution(nn.Module):
    """Graph convolution with parameters per location, made from its embedding (NAPL).

    Args:
        inputs: C.
        outputs: C'.
        options: K and R.
    """

    def __init__(self, inputs: int, outputs: int, options: AgcrnOptions) -> None:
        super().__init__()
        self.order = options.order
        fan_in = options.order * inputs
        self.pool = uniform_parameter(options.embedding, fan_in, outputs, fan_in=fan_in)
        self.bias_pool = uniform_parameter(options.embedding, outputs, fan_in=fan_in)

    def forward(self, x: Tensor, state: AgcrnState) -> Tensor:
        """(N, W, C) to (N, W, C')."""
        seen = torch.cat(state.graph.chebyshev(x, self.order), dim=2)
        # The parameters of all locations at once would be larger than all activations.
        blocks = [
            torch.baddbmm(
                (embedding @ self.bias_pool)[:, None],
                part,
                torch.einsum("nr,rio->nio", embedding, self.pool),
            )
            for part, embedding in zip(
                torch.split(seen, _LOCATIONS_PER_BLOCK),
                torch.split(state.embedding, _LOCATIONS_PER_BLOCK),
                strict=True,
            )
        ]
        return torch.cat(blocks)


class AgcrnCell(nn.Module):
    """A gated recurrent unit of adaptive convolutions."""

    def __init__(self, inputs: int, options: AgcrnOptions) -> None:
        super().__init__()
        self.gates = AdaptiveConvolution(inputs + options.hidden, 2 * options.hidden, options)
        self.update = AdaptiveConvolution(inputs + options.hidden, options.hidden, options)

    def forward(self, x: Tensor, hidden: Tensor, state: AgcrnState) -> Tensor:
        """One step: (N, W, C) and (N, W, hidden) to the next hidden state, (N, W, hidden)."""
        gates = torch.sigmoid(self.gates(torch.cat([x, hidden], dim=2), state))
        reset, keep = gates.chunk(2, dim=2)
        candidate = torch.tanh(self.update(torch.cat([x, reset * hidden], dim=2), state))
        out: Tensor = keep * hidden + (1 - keep) * candidate
        return out


@FORECASTERS.register("agcrn")
class Agcrn(Forecaster):
    """AGCRN on any number of locations: the encoder's embedding makes graph and parameters.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = AgcrnOptions
    summary = "recurrent network with parameters per location"
    source = "Bai et al., NeurIPS 2020, arXiv:2007.02842"
    capturable = True
    widths = ("hidden",)

    def __init__(self, shape: WindowShape, options: AgcrnOptions) -> None:
        super().__init__(shape)
        self.options = options
        self.encoder = build_encoder(shape, options)
        self.cells = nn.ModuleList(
            AgcrnCell(options.hidden if layer else shape.num_features, options)
            for layer in range(options.layers)
        )
        self.output_projection = nn.Linear(options.hidden, shape.horizon)

    def encode(self, mean_window: Tensor) -> AgcrnState:
        """Embeddings and graph of N locations from their (N, L, F) mean windows."""
        embedding = self.encoder(mean_window)
        return AgcrnState(embedding, AdaptiveGraph(embedding, embedding))

    def predict(self, x: Tensor, state: AgcrnState) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        steps = list(x.permute(1, 2, 0, 3).unbind())  # each (N, W, F)
        hidden = steps[0]
        for cell in self.cells:
            hidden = x.new_zeros(*steps[0].shape[:2], self.options.hidden)
            outputs = []
            for step in steps:
                hidden = cell(step, hidden, state)
                outputs.append(hidden)
            steps = outputs
        forecast: Tensor = self.output_projection(hidden).permute(1, 2, 0)
        return forecast

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """Concatenated inputs, gates and states; of every step while training, else of one."""
        options = self.options
        step = options.hidden * (6 + 4 * options.order)
        if self.training:
            return self.shape.lookback * options.layers * step
        return step + self.shape.lookback * options.hidden
