import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters import agcrn
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster


def build():
    torch.manual_seed(0)
    config = ForecasterConfig(name="agcrn", options={"hidden": 5, "embedding": 3, "order": 3})
    return build_forecaster(config, WindowShape(6, 4, 2)).double()


def convolve(layer, x, state, node):
    """Eq. 5 of the paper at one location: sum over k of (T_k(A) x)_n E_n W_k + E_n b."""
    a, e = state.graph.matrix, state.embedding[node]
    terms = [torch.eye(len(a), dtype=a.dtype), a, 2 * a @ a - torch.eye(len(a), dtype=a.dtype)]
    seen = torch.cat([torch.einsum("m,mwc->wc", t[node], x) for t in terms], dim=1)
    return seen @ torch.einsum("r,rio->io", e, layer.pool) + e @ layer.bias_pool


def test_equals_the_equations_location_by_location():
    model = build()
    x = torch.randn(2, 6, 4, 2, dtype=torch.float64)
    mean_window = torch.randn(4, 6, 2, dtype=torch.float64)
    state = model.encode(mean_window)
    series = list(x.permute(1, 2, 0, 3))
    for cell in model.cells:
        hidden, outputs = torch.zeros(4, 2, 5, dtype=torch.float64), []
        for step in series:
            both = torch.cat([step, hidden], 2)
            gates = torch.stack([convolve(cell.gates, both, state, n) for n in range(4)]).sigmoid()
            reset, keep = gates[..., :5], gates[..., 5:]
            reduced = torch.cat([step, reset * hidden], 2)
            new = torch.stack([convolve(cell.update, reduced, state, n) for n in range(4)]).tanh()
            hidden = keep * hidden + (1 - keep) * new
            outputs.append(hidden)
        series = outputs
    expected = model.output_projection(hidden).permute(1, 2, 0)
    torch.testing.assert_close(model(x, mean_window), expected)


def test_blocks_of_locations_equal_the_whole(monkeypatch):
    model = build()
    x, mean_window = torch.randn(2, 6, 7, 2).double(), torch.randn(7, 6, 2).double()
    whole = model(x, mean_window)
    monkeypatch.setattr(agcrn, "_LOCATIONS_PER_BLOCK", 3)
    torch.testing.assert_close(model(x, mean_window), whole)
