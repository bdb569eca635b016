"""The contract that every registered forecaster keeps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.forecasters import FORECASTERS, Forecaster, build_forecaster
from stemdist_ray.forecasters.base_class import WindowShape

SHAPE = WindowShape(lookback=8, horizon=5, num_features=2)


def make(name):
    torch.manual_seed(0)
    return build_forecaster(ForecasterConfig(name=name), SHAPE)


@pytest.fixture(params=sorted(FORECASTERS))
def name(request):
    return request.param


@pytest.mark.parametrize("locations", [1, 3, 30])
def test_any_number_of_locations(name, locations):
    model = make(name)
    out = model(torch.randn(4, 8, locations, 2), torch.randn(locations, 8, 2))
    assert out.shape == (4, 5, locations)
    assert out.isfinite().all()


def test_first_and_second_order_gradients_are_finite(name):
    model = make(name)
    x = torch.randn(4, 8, 6, 2, requires_grad=True)
    loss = model(x, x.mean(0).transpose(0, 1)).square().mean()
    first = torch.autograd.grad(
        loss, list(model.parameters()), create_graph=True, materialize_grads=True
    )
    assert all(g.isfinite().all() for g in first)
    (second,) = torch.autograd.grad(sum(g.square().sum() for g in first), x)
    assert second.isfinite().all()
    assert second.abs().max() > 0


def test_same_seed_same_model_and_eval_is_deterministic(name):
    x, mean_window = torch.randn(2, 8, 6, 2), torch.randn(6, 8, 2)
    one, two = make(name).eval(), make(name).eval()
    assert torch.equal(one(x, mean_window), two(x, mean_window))
    assert torch.equal(one(x, mean_window), one.predict(x, one.encode(mean_window)))


def test_permuting_locations_permutes_forecasts(name):
    model = make(name).double().eval()
    x = torch.randn(2, 8, 6, 2, dtype=torch.float64)
    mean_window = torch.randn(6, 8, 2, dtype=torch.float64)
    order = torch.randperm(6)
    torch.testing.assert_close(
        model(x[:, :, order], mean_window[order]), model(x, mean_window)[..., order]
    )


def test_says_how_large_it_is(name):
    model = make(name)
    assert model.num_parameters() == sum(p.numel() for p in model.parameters())
    assert model.activation_floats() > 0


def test_every_option_says_what_it_means(name):
    options = FORECASTERS.get(name).Options.model_fields
    assert [n for n, field in options.items() if not (field.description or "").strip()] == []


def test_gradients_through_a_step_survive_bfloat16(name):
    """The tolerance that makes bfloat16 fit for the objective "unrolled": cosine above 0.99."""
    exact, rounded = through_a_step(name, "float32"), through_a_step(name, "bfloat16")
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    cosine = torch.nn.functional.cosine_similarity(exact.flatten(), rounded.flatten(), dim=0)
    assert cosine > 0.99


def through_a_step(name, precision):
    """Gradient for the inputs of a training step of the loss after it."""
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(name=name, precision=precision), SHAPE).eval()
    x, y = torch.randn(8, 8, 30, 2, requires_grad=True), torch.randn(8, 5, 30)
    real, named = torch.randn(8, 8, 30, 2), dict(model.named_parameters())
    loss = (model(x, x.mean(0).transpose(0, 1)) - y).square().mean()
    first = torch.autograd.grad(
        loss, list(named.values()), create_graph=True, materialize_grads=True
    )
    moved = {n: p - 1e-2 * g for (n, p), g in zip(named.items(), first, strict=True)}
    after = torch.func.functional_call(model, moved, (real, real.mean(0).transpose(0, 1)))
    return torch.autograd.grad((after - y).square().mean(), x)[0]


def test_base_class_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Forecaster(SHAPE)


def test_sizes_as_json_name_a_graph_only_where_there_is_one():
    assert "graph" not in SHAPE.to_json()
    for shape in (SHAPE, replace(SHAPE, graph=True)):
        assert WindowShape(**shape.to_json()) == shape


def test_a_graph_is_left_alone_by_those_that_take_none(name):
    model, x, mean_window = make(name).eval(), torch.randn(2, 8, 6, 2), torch.randn(6, 8, 2)
    graph = LocationGraph.of(np.eye(6, k=1))
    assert torch.equal(model(x, mean_window, graph), model(x, mean_window))
