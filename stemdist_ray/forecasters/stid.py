"""STID: an MLP that is told where it is.

Source: Shao et al., "Spatial-Temporal Identity: A Simple yet Effective Baseline for Multivariate
Time Series Forecasting", CIKM 2022 (arXiv:2208.05233).

Axis letters: W windows, L lookback, H horizon, N locations, F features, R embedding.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.layers import dropout
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]


class StidOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's.

    ``embedding`` is the spatial identity. Time of day and day of week are features of the last
    step (``data.covariates``) instead of tables, and get an embedding of ``time_embedding``.
    """

    embedding: _Size = Field(32, description="size of a location's embedding")
    series_embedding: _Size = Field(32, description="size of the embedding of a window")
    time_embedding: _Size = Field(32, description="size of the embedding of the last step")
    layers: _Size = Field(3, description="residual MLPs")
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.15, description="share of hidden values dropped in each MLP"
    )


class ResidualMlp(nn.Module):
    """x + Linear(dropout(relu(Linear(x))))."""

    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.input_projection = nn.Linear(width, width)
        self.output_projection = nn.Linear(width, width)
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same."""
        hidden = dropout(functional.relu(self.input_projection(x)), self.drop, self.training)
        out: Tensor = x + self.output_projection(hidden)
        return out


@FORECASTERS.register("stid")
class Stid(Forecaster):
    """STID on any number of locations.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = StidOptions
    summary = "MLP with spatial and temporal identities"
    source = "Shao et al., CIKM 2022, arXiv:2208.05233"
    capturable = True
    widths = ("embedding", "series_embedding", "time_embedding")

    def __init__(self, shape: WindowShape, options: StidOptions) -> None:
        super().__init__(shape)
        self.encoder = build_encoder(shape, options)
        self.series = nn.Linear(shape.lookback * shape.num_features, options.series_embedding)
        self.time = nn.Linear(shape.num_features, options.time_embedding)
        width = options.embedding + options.series_embedding + options.time_embedding
        self.layers = nn.Sequential(
            *(ResidualMlp(width, options.dropout) for _ in range(options.layers))
        )
        self.output_projection = nn.Linear(width, shape.horizon)

    def encode(self, mean_window: Tensor) -> Tensor:
        """Spatial identities (N, R) of N locations from their (N, L, F) mean windows."""
        identity: Tensor = self.encoder(mean_window)
        return identity

    def predict(self, x: Tensor, state: Tensor) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        series = self.series(x.transpose(1, 2).flatten(2))
        time = self.time(x[:, -1])
        where = state.expand(len(x), *state.shape)
        out = self.output_projection(self.layers(torch.cat([series, where, time], dim=2)))
        forecast: Tensor = out.transpose(1, 2)
        return forecast

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """Four vectors per layer."""
        return 4 * (len(self.layers) + 1) * self.output_projection.in_features
