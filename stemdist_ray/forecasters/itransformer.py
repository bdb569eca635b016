"""iTransformer: every location is a token, attention runs over locations.

Source: Liu et al., "iTransformer: Inverted Transformers Are Effective for Time Series
Forecasting", ICLR 2024 (arXiv:2310.06625).

Axis letters: W windows, L lookback, H horizon, N locations, F features, D model width.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.attention import attend
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.layers import dropout
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]


class ItransformerOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the smallest of those the paper searches."""

    layers: _Size = Field(2, description="attention layers")
    width: _Size = Field(256, description="size of a token, a multiple of the heads")
    feed_forward: _Size = Field(256, description="hidden width of the feed-forward networks")
    heads: _Size = Field(8, description="attention heads")
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.1, description="share of values dropped after attention and in feed-forward networks"
    )

    @model_validator(mode="after")
    def _check(self) -> ItransformerOptions:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        return self


class TokenLayer(nn.Module):
    """Attention over tokens and a feed-forward network, each with residual and LayerNorm."""

    def __init__(self, options: ItransformerOptions) -> None:
        super().__init__()
        width = options.width
        self.heads, self.drop = options.heads, options.dropout
        self.project = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.input_projection = nn.Linear(width, options.feed_forward)
        self.output_projection = nn.Linear(options.feed_forward, width)

    def forward(self, x: Tensor) -> Tensor:
        """(W, N, D) to the same."""
        windows, locations, width = x.shape
        parts = self.project(x).view(windows, locations, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = attend(query, key, value).transpose(1, 2).reshape(x.shape)
        x = self.first_norm(x + self._drop(self.mix(attended)))
        hidden = self._drop(functional.gelu(self.input_projection(x)))
        out: Tensor = self.second_norm(x + self._drop(self.output_projection(hidden)))
        return out

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.drop, self.training)


@FORECASTERS.register("itransformer")
class Itransformer(Forecaster):
    """iTransformer on any number of locations.

    A window is normalised per location and feature and the forecast scaled back, as in the
    paper; a residual's gets only the scale back, not the level, which the base has. Calendar
    columns are left as they are: normalised, they would no longer tell the time. The location's
    embedding is added to its token, which the paper's tokens do not have.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = ItransformerOptions
    summary = "attention over locations"
    source = "Liu et al., ICLR 2024, arXiv:2310.06625"
    capturable = True
    widths = ("width", "feed_forward")

    def __init__(self, shape: WindowShape, options: ItransformerOptions) -> None:
        super().__init__(shape)
        self.options = options
        self.encoder = build_encoder(shape, options)
        self.locate = nn.Linear(options.embedding, options.width)
        self.input_projection = nn.Linear(shape.lookback * shape.num_features, options.width)
        self.layers = nn.Sequential(*(TokenLayer(options) for _ in range(options.layers)))
        self.norm = nn.LayerNorm(options.width)
        self.output_projection = nn.Linear(options.width, shape.horizon)

    def encode(self, mean_window: Tensor) -> Tensor:
        """What is added to the tokens of N locations, (N, D), from their (N, L, F) mean windows."""
        added: Tensor = self.locate(self.encoder(mean_window))
        return added

    def predict(self, x: Tensor, state: Tensor) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        own = self.shape.num_features - self.shape.num_covariates
        readings, calendar = x[..., :own], x[..., own:]
        level = readings.mean(dim=1, keepdim=True)
        centred = readings - level
        deviation = torch.sqrt(centred.square().mean(dim=1, keepdim=True) + 1e-5)
        inputs = torch.cat([centred / deviation, calendar], dim=3)
        tokens = self.input_projection(inputs.transpose(1, 2).flatten(2)) + state
        out = self.output_projection(self.norm(self.layers(tokens))).transpose(1, 2)
        target = self.shape.target
        scaled: Tensor = out * deviation[..., target]
        return scaled if self.shape.residual else scaled + level[..., target]

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection.parameters())

    def activation_floats(self) -> int:
        """Projections, attention and feed-forward of every layer."""
        return self.options.layers * (9 * self.options.width + 2 * self.options.feed_forward)
