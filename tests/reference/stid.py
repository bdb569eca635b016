"""STID written the plain way: 1 x 1 convolutions over (W, C, N, 1), as usual for this model.

It takes its weights from the library's model. Equations are those of Shao et al., CIKM 2022, with
one embedding of the last step in place of the tables of times.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.base_class import Forecaster
from tests.reference.location_encoder import embed
from tests.reference.plain_layers import convolve_pointwise


class PlainStid(Forecaster):
    """A library STID's weights behind plain code; trains and forecasts like the original.

    Args:
        model: Gives weights; shared, not copied.
    """

    def __init__(self, model):
        super().__init__(model.shape)
        self.model = model

    def encode(self, mean_window):
        """The (R, N) spatial identities."""
        return embed(self.model.encoder, mean_window).T

    def predict(self, x, state):
        """(W, L, N, F) inputs and the (R, N) identities to (W, H, N) forecasts."""
        model = self.model
        windows, lookback, _, features = x.shape
        series = x.permute(0, 3, 2, 1)  # (W, F, N, L)
        kernel = model.series.weight.view(-1, lookback, features).permute(0, 2, 1)
        parts = [
            F.conv2d(series, kernel[:, :, None, :], model.series.bias),
            torch.stack([state[:, :, None]] * windows),
            convolve_pointwise(model.time, series[..., -1:]),
        ]
        hidden = torch.cat(parts, dim=1)
        for layer in model.layers:
            inner = torch.relu(convolve_pointwise(layer.input_projection, hidden))
            inner = F.dropout(inner, layer.drop, self.training)
            hidden = hidden + convolve_pointwise(layer.output_projection, inner)
        return convolve_pointwise(model.output_projection, hidden)[..., 0]


def plain_twin(model):
    """The same forecaster in plain code."""
    return PlainStid(model)
