from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.evaluation.predict import (
    EvaluationWindows,
    score_forecaster,
    windows_per_batch,
)
from stemdist_ray.forecasters import FORECASTERS, build_forecaster
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.modules import as_forecaster
from stemdist_ray.forecasters.with_base import GatedForecaster, start_at_zero

SHAPE = WindowShape(6, 4, 3, num_covariates=2, residual=True)


class Plain(nn.Module):
    """A forecaster of somebody else."""

    def __init__(self, shape):
        super().__init__()
        self.linear = nn.Linear(shape.lookback * shape.num_features, shape.horizon)

    def forward(self, x, mean_window):
        return self.linear(x.transpose(1, 2).flatten(2)).transpose(1, 2)


def plain(shape):
    return as_forecaster(Plain)(shape, None)


def build(name, shape):
    torch.manual_seed(0)
    if name == "plain module":
        return start_at_zero(plain(shape))
    return build_forecaster(ForecasterConfig(name=name), shape)


NAMES = [*sorted(set(FORECASTERS.names())), "plain module"]


@pytest.mark.parametrize("name", NAMES)
def test_base_and_fresh_network_is_the_base_bit_for_bit(name, based):
    windows = based.windows
    model = build(name, WindowShape.of(windows)).eval()
    mean_window = torch.tensor(based.mean_window())
    batch = windows.batch(based.starts["val"][::9])
    with torch.no_grad():
        forecast = model(batch.x, mean_window)
    assert (forecast == 0).all()
    assert torch.equal(forecast + batch.base, batch.base)
    scored = EvaluationWindows.of(based, based.starts["val"])
    size = windows_per_batch(model, windows.num_locations)
    base = scored.score(lambda s: windows.batch(s).base.numpy(), size)
    assert score_forecaster(model, scored, based.mean_window()) == base


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_from_there(name):
    model = build(name, SHAPE).eval()
    x, y = torch.randn(16, 6, 5, 3), torch.randn(16, 4, 5)
    mean_window = torch.randn(5, 6, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = (model(x, mean_window) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(float(y.square().mean()))
    assert losses[-1] < losses[0]
    moved = [p for p in model.parameters() if p.grad is not None and p.grad.abs().max() > 0]
    assert len(moved) > 1  # and not the last layer or the gate alone


@pytest.mark.parametrize("name", sorted(set(FORECASTERS.names())))
def test_forecasters_of_the_library_say_which_weights_are_last(name):
    torch.manual_seed(0)
    kind = FORECASTERS.get(name)
    model = kind(SHAPE, kind.Options()).eval()
    own = {id(p) for p in model.parameters()}
    last = model.output_parameters()
    assert last
    assert {id(p) for p in last} <= own
    x, mean_window = torch.randn(2, 6, 5, 3), torch.randn(5, 6, 3)
    assert model(x, mean_window).abs().max() > 0
    assert not isinstance(start_at_zero(model), GatedForecaster)
    assert model(x, mean_window).abs().max() == 0


def test_a_gate_opens_per_horizon_step():
    inner = plain(SHAPE)
    model = start_at_zero(inner)
    assert isinstance(model, GatedForecaster)
    assert model.shape is inner.shape
    x, mean_window = torch.randn(2, 6, 5, 3), torch.randn(5, 6, 3)
    with torch.no_grad():
        model.gate[2] = 1.0
    forecast = model(x, mean_window)
    assert torch.equal(forecast[:, 2], inner(x, mean_window)[:, 2])
    assert (forecast[:, [0, 1, 3]] == 0).all()
    assert model.num_parameters() == inner.num_parameters() + 4
    assert model.activation_floats() > inner.activation_floats()


def test_networks_that_forecast_alone_start_where_their_weights_are():
    shape = replace(SHAPE, residual=False)
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(name="stid"), shape).eval()
    assert model(torch.randn(2, 6, 5, 3), torch.randn(5, 6, 3)).abs().max() > 0


def test_a_gate_hands_a_graph_on():
    torch.manual_seed(0)
    shape = WindowShape(6, 4, 3, graph=True)
    model = GatedForecaster(build_forecaster(ForecasterConfig(name="stgcn"), shape)).eval()
    x, mean_window = torch.randn(2, 6, 5, 3), torch.randn(5, 6, 3)
    with torch.no_grad():
        model.gate.fill_(2.0)
    graph = LocationGraph.of(np.eye(5, k=1))
    torch.testing.assert_close(model(x, mean_window, graph), 2 * model.inner(x, mean_window, graph))
