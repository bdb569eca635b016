import torch
from torch.nn import functional

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster


def reference(model, x, mean_window):
    """The textbook way: (W, C, N, T) and two-dimensional convolutions."""
    graph = model.encode(mean_window).matrix
    h = functional.pad(x.permute(0, 3, 2, 1), (max(0, model.steps - x.shape[1]), 0))
    h = (
        torch.einsum("wfnt,cf->wcnt", h, model.input_projection.weight)
        + model.input_projection.bias[:, None, None]
    )
    skip = 0
    for layer, dilation in zip(model.layers, model.options.dilations, strict=True):
        kernel = layer.convolution.weight.permute(2, 1, 0)[:, :, None]
        both = functional.conv2d(h, kernel, layer.convolution.bias, dilation=(1, dilation))
        value, gate = both.chunk(2, dim=1)
        hidden = torch.tanh(value) * torch.sigmoid(gate)
        skip = (
            skip
            + functional.conv2d(hidden, layer.skip.weight[:, :, None, None], layer.skip.bias)[
                ..., -1:
            ]
        )
        hops = [hidden]
        for _ in range(layer.hops):
            hops.append(torch.einsum("nm,wcmt->wcnt", graph, hops[-1]))
        mixed = functional.conv2d(
            torch.cat(hops, 1), layer.diffuse.weight[:, :, None, None], layer.diffuse.bias
        )
        out, norm = mixed + h[..., -mixed.shape[3] :], layer.norm
        h = functional.batch_norm(out, None, None, norm.weight, norm.bias, training=True)
    for linear in (model.end, model.output_projection):
        skip = functional.conv2d(
            functional.relu(skip), linear.weight[:, :, None, None], linear.bias
        )
    return skip[..., 0]


def test_equals_two_dimensional_convolutions():
    torch.manual_seed(0)
    options = {"channels": 6, "skip_channels": 8, "end_channels": 10, "dropout": 0.0}
    for lookback in (7, 12, 20):
        model = build_forecaster(
            ForecasterConfig(name="graph_wavenet", options=options), WindowShape(lookback, 4, 2)
        ).double()
        x = torch.randn(3, lookback, 5, 2, dtype=torch.float64)
        mean_window = torch.randn(5, lookback, 2, dtype=torch.float64)
        torch.testing.assert_close(model(x, mean_window), reference(model, x, mean_window))


def test_judged_by_the_statistics_it_was_trained_with():
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(name="graph_wavenet"), WindowShape(12, 4, 1))
    x, mean_window = torch.randn(3, 12, 5, 1), torch.randn(5, 12, 1)
    model(x, mean_window)
    model.eval()
    torch.testing.assert_close(model(x[:1], mean_window), model(x, mean_window)[:1])
