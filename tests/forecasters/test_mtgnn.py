import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.system.threads import torch_threads
from tests.reference.mtgnn import reference_forward

TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}


def build(lookback=12, horizon=12, features=1, seed=0, **options):
    torch.manual_seed(seed)
    small = {"channels": 8, "skip_channels": 6, "end_channels": 10, "top_k": 4, **options}
    model = build_forecaster(
        ForecasterConfig(name="mtgnn", options=small), WindowShape(lookback, horizon, features)
    )
    model = model.double().eval()
    for norm in model.norms:  # fresh scales of 1 and shifts of 0 would hide mistakes
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.uniform_(norm.bias, -0.5, 0.5)
    return model


def data(lookback, locations, features, windows=3):
    torch.manual_seed(1)
    x = torch.randn(windows, lookback, locations, features, dtype=torch.float64)
    mean_window = torch.randn(locations, lookback, features, dtype=torch.float64)
    return x, mean_window


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("encoder", ["attention", "mlp"])
@pytest.mark.parametrize(
    ("lookback", "horizon", "features", "locations"),
    [(12, 12, 1, 9), (12, 12, 6, 9), (7, 3, 1, 11), (24, 5, 2, 6), (12, 12, 1, 3), (12, 1, 1, 1)],
)
def test_equals_the_plain_reference(lookback, horizon, features, locations, encoder, sparse):
    model = build(lookback, horizon, features, encoder=encoder)
    if sparse:
        if locations <= model.graph.top_k:
            pytest.skip("fewer locations than neighbours are always dense")
        model.graph.dense_limit = 0
    x, mean_window = data(lookback, locations, features)
    weights = torch.randn(3, horizon, locations, dtype=torch.float64)
    fast, plain = model(x, mean_window), reference_forward(model, x, mean_window)
    assert fast.shape == (3, horizon, locations)
    torch.testing.assert_close(fast, plain, **TOLERANCE)
    parameters = list(model.parameters())
    ours, theirs = (
        torch.autograd.grad((o * weights).sum(), parameters, materialize_grads=True)
        for o in (fast, plain)
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("features", "locations"), [(1, 9), (6, 5)])
def test_second_order_gradients_equal_the_reference(features, locations, sparse):
    model = build(features=features)
    if sparse:
        model.graph.dense_limit = 0
    x, _ = data(12, locations, features)
    parameters = list(model.parameters())

    def second_order(forward):
        learned = x.clone().requires_grad_()
        forecast = forward(learned, learned.mean(0).transpose(0, 1))
        first = torch.autograd.grad(
            forecast.square().mean(), parameters, create_graph=True, materialize_grads=True
        )
        return torch.autograd.grad(sum(g.square().sum() for g in first), learned)[0]

    ours = second_order(model)
    theirs = second_order(lambda x, c: reference_forward(model, x, c))
    assert ours.abs().max() > 0
    torch.testing.assert_close(ours, theirs, **TOLERANCE)


def test_permuting_locations_permutes_forecasts():
    model = build()
    x, mean_window = data(12, 9, 1)
    order = torch.randperm(9)
    torch.testing.assert_close(
        model(x[:, :, order], mean_window[order]), model(x, mean_window)[:, :, order], **TOLERANCE
    )


def test_sparse_and_dense_graphs_agree_in_float32():
    model = build().float()
    x, mean_window = (t.float() for t in data(12, 40, 1))
    dense = model(x, mean_window)
    model.graph.dense_limit = 0
    torch.testing.assert_close(model(x, mean_window), dense, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model(x, mean_window), dense, rtol=1e-4, atol=1e-5)


def test_deterministic_in_eval_and_noisy_in_train():
    model = build()
    x, mean_window = data(12, 9, 1)
    assert torch.equal(model(x, mean_window), model(x, mean_window))
    model.train()
    assert not torch.equal(model(x, mean_window), model(x, mean_window))


@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_repeat_to_the_bit_with_several_threads(sparse):
    # As large as it takes for torch to share the work among threads.
    model = build(features=3, channels=32, top_k=20).float()
    if sparse:
        model.graph.dense_limit = 0
    x, mean_window = (t.float() for t in data(12, 200, 3))
    with torch_threads(4):
        runs = [
            torch.autograd.grad(model(x, mean_window).square().mean(), list(model.parameters()))
            for _ in range(4)
        ]
    for run in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], run, strict=True))


def test_windows_do_not_influence_each_other():
    model = build()
    x, mean_window = data(12, 9, 1)
    torch.testing.assert_close(model(x[1:2], mean_window), model(x, mean_window)[1:2], **TOLERANCE)


def test_paper_size():
    model = build_forecaster(ForecasterConfig(name="mtgnn"), WindowShape(12, 12, 1))
    assert model.num_parameters() == 114172
    assert model.activation_floats() > 1000
