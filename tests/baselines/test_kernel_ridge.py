import numpy as np
import pytest
import torch

from stemdist_ray.baselines.kernel_ridge import (
    kernel_forecast,
    lag_rows,
    ridge_weights,
    seen_error,
    tangent_kernel,
    target_rows,
)
from stemdist_ray.errors import DivergenceError
from stemdist_ray.training.steps import TrainingStep


def test_rows_are_windows_of_single_locations(rng):
    x = torch.tensor(rng.normal(size=(3, 5, 4, 2)), dtype=torch.float32)
    y = torch.tensor(rng.normal(size=(3, 2, 4)), dtype=torch.float32)
    step = TrainingStep(x, y, x[0].transpose(0, 1), torch.ones(4), y > 0)
    np.testing.assert_allclose(lag_rows(step, 1)[1 * 4 + 2], x[1, :, 2, 0])
    targets, seen = target_rows(step)
    np.testing.assert_allclose(targets[2 * 4 + 3], y[2, :, 3])
    np.testing.assert_array_equal(seen[2 * 4 + 3], y[2, :, 3] > 0)


def test_the_kernel_is_that_of_a_wide_network(rng):
    """The gradients of a wide network with random weights have its inner products."""
    rows = torch.tensor(rng.normal(size=(4, 6)))
    width, torch_rng = 8192, torch.Generator().manual_seed(0)
    first = torch.randn(6, width, generator=torch_rng, dtype=torch.float64)
    last = torch.randn(width, generator=torch_rng, dtype=torch.float64)
    bias = 0.1 * torch.randn(width, generator=torch_rng, dtype=torch.float64)
    before = rows @ first * (2 / 6) ** 0.5 + bias
    hidden, slope = torch.relu(before), (before > 0).double()
    # f = sqrt(2 / width) sum(last relu(before)) + a bias: gradients by both layers' parameters.
    inner = 2 * rows @ rows.T / 6 + 0.01
    through = inner * ((slope * last) @ (slope * last).T) * 2 / width
    expected = through + 2 / width * hidden @ hidden.T + 0.01
    found = tangent_kernel(rows, rows, 1)
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()
    torch.testing.assert_close(found, found.T)
    assert torch.linalg.eigvalsh(tangent_kernel(rows, rows, 3)).min() > 0


def test_linear_kernels_are_ridge_regression(rng):
    rows, targets = torch.tensor(rng.normal(size=(30, 5))), torch.tensor(rng.normal(size=(30, 2)))
    others = torch.tensor(rng.normal(size=(7, 5)))
    by_kernel = kernel_forecast(rows @ rows.T, others @ rows.T, targets, 0.1)
    penalty = 0.1 * (rows @ rows.T).diagonal().mean()
    exact = others @ torch.linalg.solve(
        rows.T @ rows + penalty * torch.eye(5).double(), rows.T @ targets
    )
    torch.testing.assert_close(by_kernel, exact)


def test_ridge_weights(rng):
    rows = torch.tensor(rng.normal(size=(200, 5)))
    weights = torch.tensor(rng.normal(size=(5, 2)))
    torch.testing.assert_close(ridge_weights(rows, rows @ weights, 1e-9), weights)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_what_has_diverged_is_told(value):
    rows = torch.full((4, 3), value, dtype=torch.float64)
    with pytest.raises(DivergenceError, match="what is learned has diverged"):
        kernel_forecast(rows @ rows.T, rows @ rows.T, rows, 1e-3)
    with pytest.raises(DivergenceError, match="what is learned has diverged"):
        ridge_weights(rows, rows, 1e-3)


def test_only_observed_targets_count():
    forecast, targets = torch.ones(2, 2), torch.tensor([[0.0, 9], [1, 1]])
    seen = torch.tensor([[True, False], [True, True]])
    assert seen_error(forecast, targets, seen).item() == pytest.approx(1 / 3)
    assert seen_error(forecast, targets, None).item() == 65 / 4
