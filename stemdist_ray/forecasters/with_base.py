"""Networks on top of a base: what they forecast is added to the base's forecast.

A network that learns such a residual has to start *at* the base: with random weights in its last
layer the first training steps only take back what these add. Axis letters: W windows, L lookback,
H horizon, N locations, F features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.forecasters.base_class import Forecaster


class GatedForecaster(Forecaster):
    """A forecaster behind a gate per horizon step that is closed at first.

    For forecasters that do not say which weights make their forecasts zero: plain torch modules and
    those of other packages.

    Args:
        inner: The forecaster.
    """

    def __init__(self, inner: Forecaster) -> None:
        super().__init__(inner.shape)
        self.inner = inner
        self.gate = nn.Parameter(torch.zeros(inner.shape.horizon))

    def encode(self, mean_window: Tensor) -> Any:
        """What the inner forecaster makes of (N, L, F) mean windows."""
        return self.inner.encode(mean_window)

    def encode_with(self, mean_window: Tensor, graph: LocationGraph | None = None) -> Any:
        """What the inner forecaster makes of them and of a given graph."""
        return self.inner.encode_with(mean_window, graph)

    def predict(self, x: Tensor, state: Any) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        return self.gate[:, None] * self.inner.predict(x, state)

    def activation_floats(self) -> int:
        """Those of the inner forecaster, and its forecasts once more."""
        return self.inner.activation_floats() + self.shape.horizon


def start_at_zero(model: Forecaster) -> Forecaster:
    """Make all forecasts of a fresh forecaster zero: by its last layer, else by a gate."""
    parameters = model.output_parameters()
    if not parameters:
        return GatedForecaster(model)
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()
    return model
