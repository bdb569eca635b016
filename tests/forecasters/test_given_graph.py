import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import adaptive, build_forecaster, graph
from stemdist_ray.forecasters.adaptive import AdaptiveGraph
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.given_graph import DiffusionGraph, MixedGraph, Support, prior_of
from tests.reference.given_graph import mixture, transitions

TAKERS = ["graph_wavenet", "mtgnn", "stgcn"]
DOUBLE = torch.zeros((), dtype=torch.float64)


@pytest.fixture
def weights(rng):
    """Directed; location 3 has no edge, and 5 is only listened to."""
    weights = rng.random((8, 8)) * (rng.random((8, 8)) < 0.5)
    weights[3] = weights[:, 3] = weights[5] = 0
    return weights.astype(np.float32)


@pytest.fixture(params=["full", "sparse"])
def sized(request, monkeypatch):
    """With few locations and with many, which are sparse."""
    if request.param == "sparse":
        monkeypatch.setattr(adaptive, "WHOLE_UP_TO", 0)
        monkeypatch.setattr(adaptive, "_ROWS_PER_BLOCK", 3)
        monkeypatch.setattr(graph, "_ROWS_PER_BLOCK", 3)


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_propagation_is_a_product_with_derivatives_of_any_order(weights, sized, direction):
    support = Support.of(LocationGraph.of(weights), direction, DOUBLE)
    x = torch.randn(8, 2, 3, dtype=torch.float64, requires_grad=True)
    wanted = (transitions(weights, direction) @ x.flatten(1)).view_as(x)
    torch.testing.assert_close(support.propagate(x), wanted)
    assert gradcheck(support.propagate, x)
    assert gradgradcheck(support.propagate, x)


def embeddings():
    torch.manual_seed(0)
    return torch.randn(2, 8, 3, dtype=torch.float64).unbind()


def test_a_mixture_of_both_graphs(weights, sized):
    first, second = embeddings()
    given = Support.of(LocationGraph.of(weights), "both", DOUBLE)
    share = torch.tensor(0.3, dtype=torch.float64)
    mixed = MixedGraph(first, second, given, share)
    wanted = mixture(AdaptiveGraph(first, second).matrix, weights, 0.3)
    torch.testing.assert_close(wanted.sum(1), torch.ones(8, dtype=torch.float64))
    x = torch.randn(8, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(mixed.matrix, wanted)
    torch.testing.assert_close(mixed.propagate(x), (wanted @ x.flatten(1)).view_as(x))
    assert len(mixed.chebyshev(x, 3)) == 3


def test_given_supports_stand_beside_the_adaptive_one(weights, sized):
    first, second = embeddings()
    given = LocationGraph.of(weights)
    supports = tuple(Support.of(given, d, DOUBLE) for d in ("forward", "backward"))
    x = torch.randn(8, 2, 3, dtype=torch.float64)
    found = DiffusionGraph(first, second, supports).powers(x, 2)
    matrices = [AdaptiveGraph(first, second).matrix]
    matrices += [transitions(weights, d) for d in ("forward", "backward")]
    wanted = [x.flatten(1)]
    for matrix in matrices:
        wanted += [matrix @ x.flatten(1), matrix @ matrix @ x.flatten(1)]
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a.flatten(1), b)


def test_a_prior_is_relative_to_the_strongest_edge_of_a_row(weights):
    rows = prior_of(LocationGraph.of(weights), DOUBLE)
    found = torch.cat([rows(0, 3), rows(3, 8)]).numpy()
    most = weights.max(1, keepdims=True)
    np.testing.assert_allclose(found, weights / np.where(most > 0, most, 1), rtol=1e-6)


def make(name, graph=True, **shape):
    torch.manual_seed(0)
    return build_forecaster(ForecasterConfig(name=name), WindowShape(8, 5, 2, graph=graph, **shape))


@pytest.mark.parametrize("name", TAKERS)
def test_forecasts_depend_on_the_graph(name, weights, sized):
    model = make(name).double().eval()
    x = torch.randn(2, 8, 8, 2, dtype=torch.float64)
    mean_window = torch.randn(8, 8, 2, dtype=torch.float64)
    given = LocationGraph.of(weights)
    out = model(x, mean_window, given)
    assert not torch.allclose(
        out, model(x, mean_window, LocationGraph.of(weights.T)), rtol=1e-3
    ) or (
        name == "stgcn"  # whose graph has no directions
    )
    other = LocationGraph.of(np.eye(8, k=2))
    assert not torch.allclose(out, model(x, mean_window, other), rtol=1e-3)
    # Permuting locations and graph permutes the forecasts.
    order = torch.randperm(8)
    permuted = model(x[:, :, order], mean_window[order], given.take(order.numpy()))
    torch.testing.assert_close(permuted, out[..., order])


@pytest.mark.parametrize("name", TAKERS)
def test_what_is_learned_of_the_graph_gets_gradients(name, weights):
    model = make(name).train()
    x, mean_window = torch.randn(2, 8, 8, 2), torch.randn(8, 8, 2)
    model(x, mean_window, LocationGraph.of(weights)).square().sum().backward()
    named = dict(model.named_parameters())
    own = {"stgcn": "given_share", "mtgnn": "graph.prior_weight"}.get(name)
    gradient = named[own or "layers.0.diffuse.weight"].grad
    assert gradient.abs().max() > 0
    if name == "graph_wavenet":
        assert gradient.shape == (32, 7 * 32)
        assert gradient[:, 3 * 32 :].abs().max() > 0


@pytest.mark.parametrize("name", TAKERS)
def test_without_a_graph_it_is_the_same_as_ever(name, weights):
    """Same weights by name, same draws, and a graph that is there is left alone."""
    model, with_graph = make(name, graph=False).eval(), make(name)
    extra = set(with_graph.state_dict()) - set(model.state_dict())
    assert extra == {"stgcn": {"given_share"}, "mtgnn": {"graph.prior_weight"}}.get(name, set())
    x, mean_window = torch.randn(2, 8, 8, 2), torch.randn(8, 8, 2)
    out = model(x, mean_window)
    assert torch.equal(out, model(x, mean_window, LocationGraph.of(weights)))
    assert torch.equal(out, model.predict(x, model.encode(mean_window)))


@pytest.mark.parametrize("name", TAKERS)
def test_half_precision_and_a_base(name, weights, sized):
    config = ForecasterConfig(name=name, precision="bfloat16")
    torch.manual_seed(0)
    model = build_forecaster(config, WindowShape(8, 5, 2, graph=True))
    x, mean_window = torch.randn(2, 8, 8, 2), torch.randn(8, 8, 2)
    out = model(x, mean_window, LocationGraph.of(weights))
    assert out.dtype == torch.float32
    out.sum().backward()
    assert not make(name, residual=True)(x, mean_window, LocationGraph.of(weights)).any()


@pytest.mark.parametrize("name", TAKERS)
def test_the_graph_must_be_that_of_the_locations(name, weights):
    model, x, mean_window = make(name), torch.randn(2, 8, 8, 2), torch.randn(8, 8, 2)
    with pytest.raises(ConfigError, match="built for a graph of its 8 locations; found none"):
        model(x, mean_window)
    with pytest.raises(ConfigError, match="found one of 2"):
        model(x, mean_window, LocationGraph.of(weights).take(np.arange(2)))


@pytest.mark.parametrize("locations", [1, 2])
@pytest.mark.parametrize("name", TAKERS)
def test_few_locations_and_none_with_edges(name, locations):
    x, mean_window = torch.randn(2, 8, locations, 2), torch.randn(locations, 8, 2)
    none = LocationGraph.of(np.zeros((locations, locations)))
    assert make(name)(x, mean_window, none).isfinite().all()
