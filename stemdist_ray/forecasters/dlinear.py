"""DLinear: one linear map for the trend, one for the rest.

Source: Zeng et al., "Are Transformers Effective for Time Series Forecasting?", AAAI 2023
(arXiv:2205.13504).

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
from stemdist_ray.forecasters.layers import uniform_parameter
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder


class DLinearOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's.

    ``individual`` gives every location maps of its own. The paper learns a table of them; here
    the location encoder makes them from the location's mean window.
    """

    kernel_size: Annotated[int, Field(ge=1)] = Field(
        25, description="steps of the moving average that is the trend"
    )
    individual: bool = Field(False, description="maps of each location's own, from its embedding")


@FORECASTERS.register("dlinear")
class DLinear(Forecaster):
    """DLinear on any number of locations.

    Args:
        shape: L, H and F; all features of a location take part.
        options: Hyper-parameters.
    """

    Options = DLinearOptions
    summary = "linear maps of trend and remainder"
    source = "Zeng et al., AAAI 2023, arXiv:2205.13504"
    capturable = True

    def __init__(self, shape: WindowShape, options: DLinearOptions) -> None:
        super().__init__(shape)
        self.options = options
        inputs = shape.lookback * shape.num_features
        self.trend = nn.Linear(inputs, shape.horizon)
        self.remainder = nn.Linear(inputs, shape.horizon)
        if options.individual:
            self.encoder = build_encoder(shape, options)
            # Rows: trend, remainder and bias of an own map per embedding entry.
            size = (options.embedding, 2 * inputs + 1, shape.horizon)
            self.pool = uniform_parameter(*size, fan_in=options.embedding * 2 * inputs)

    def encode(self, mean_window: Tensor) -> Tensor | None:
        """The locations' own maps, (N, 2 L F + 1, H), from their (N, L, F) mean windows."""
        if not self.options.individual:
            return None
        return torch.einsum("nr,rih->nih", self.encoder(mean_window), self.pool)

    def predict(self, x: Tensor, state: Tensor | None) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        series = x.permute(2, 0, 3, 1)  # (N, W, F, L)
        trend = self._moving_average(series)
        parts = trend.flatten(2), (series - trend).flatten(2)
        out = self.trend(parts[0]) + self.remainder(parts[1])
        if state is not None:
            out = out + torch.cat([*parts, torch.ones_like(out[..., :1])], dim=2) @ state
        forecast: Tensor = out.permute(1, 2, 0)
        return forecast

    def _moving_average(self, x: Tensor) -> Tensor:
        """Mean over ``kernel_size`` steps of (..., L), the ends repeated."""
        kernel_size = self.options.kernel_size
        front = (kernel_size - 1) // 2
        back = kernel_size - 1 - front
        first, last = x[..., :1], x[..., -1:]
        repeated = [first.expand(*x.shape[:-1], front), x, last.expand(*x.shape[:-1], back)]
        padded = torch.cat(repeated, dim=-1)
        means = functional.avg_pool1d(padded.flatten(0, -2)[:, None], kernel_size, stride=1)
        return means.view_as(x)

    def output_parameters(self) -> list[nn.Parameter]:
        """All maps, which are the last layer as well."""
        own = [self.pool] if self.options.individual else []
        return [*self.trend.parameters(), *self.remainder.parameters(), *own]

    def activation_floats(self) -> int:
        """Inputs, trend and remainder dominate."""
        inputs = self.shape.lookback * self.shape.num_features
        return 6 * inputs + 4 * self.shape.horizon + self.options.kernel_size
