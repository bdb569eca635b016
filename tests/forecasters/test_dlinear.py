import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster


def build(**options):
    torch.manual_seed(0)
    return build_forecaster(ForecasterConfig(name="dlinear", options=options), WindowShape(9, 4, 1))


@pytest.mark.parametrize("kernel_size", [1, 4, 25])
def test_moving_average_repeats_the_ends(kernel_size):
    series = np.random.default_rng(0).normal(size=9)
    padded = np.pad(
        series, ((kernel_size - 1) // 2, kernel_size - 1 - (kernel_size - 1) // 2), mode="edge"
    )
    expected = np.convolve(padded, np.full(kernel_size, 1 / kernel_size), mode="valid")
    got = build(kernel_size=kernel_size)._moving_average(torch.tensor(series).view(1, 1, 1, 9))
    np.testing.assert_allclose(got.flatten(), expected)


def test_equal_maps_are_one_linear_map_of_the_window():
    model = build(kernel_size=3)
    model.remainder.load_state_dict(model.trend.state_dict())
    x = torch.randn(2, 9, 5, 1)
    expected = x[..., 0].transpose(1, 2) @ model.trend.weight.T + 2 * model.trend.bias
    out = model(x, torch.zeros(5, 9, 1))
    torch.testing.assert_close(out, expected.transpose(1, 2))


def test_individual_maps_come_from_the_location():
    x, one, two = torch.randn(2, 9, 5, 1), torch.randn(5, 9, 1), torch.randn(5, 9, 1)
    shared, individual = build(), build(individual=True)
    assert torch.equal(shared(x, one), shared(x, two))
    assert not torch.allclose(individual(x, one), individual(x, two))
    with torch.no_grad():
        individual.pool.zero_()
    assert torch.equal(individual(x, one), individual(x, two))
