import pytest
import torch

from stemdist_ray.training.losses import location_weights, weighted_loss, window_errors


def test_weights_have_mean_one_and_follow_cluster_size():
    weights = location_weights(torch.tensor([1, 3, 4]))
    torch.testing.assert_close(weights, torch.tensor([0.375, 1.125, 1.5]))


def test_loss_by_hand():
    forecast = torch.tensor([[[1.0, 2.0]]])
    target = torch.tensor([[[0.0, 4.0]]])
    weights = torch.tensor([0.5, 1.5])
    assert weighted_loss(forecast, target, weights) == pytest.approx((0.5 + 6) / 2)
    observed = torch.tensor([[[True, False]]])
    assert weighted_loss(forecast, target, weights, observed) == pytest.approx(0.5)


def test_errors_of_windows_by_hand():
    forecast = torch.tensor([[[1.0, 2.0]], [[3.0, 0.0]]], requires_grad=True)
    target = torch.tensor([[[0.0, 4.0]], [[0.0, 0.0]]])
    found = window_errors(forecast, target)
    assert not found.requires_grad
    assert found.tolist() == [2.5, 4.5]
    observed = torch.tensor([[[True, False]], [[False, False]]])
    assert window_errors(forecast, target, observed).tolist() == [1.0, 0.0]


def test_masked_entries_never_influence_the_loss():
    torch.manual_seed(0)
    forecast, target = torch.randn(2, 3, 4, 5, requires_grad=True).unbind()
    observed = torch.rand(3, 4, 5) > 0.5
    weights = torch.ones(5)
    wild = torch.where(observed, target, torch.tensor(float("nan")))
    one = weighted_loss(forecast, target, weights, observed)
    other = weighted_loss(forecast, wild, weights, observed)
    assert one == other
    nothing = weighted_loss(forecast, target, weights, torch.zeros(3, 4, 5, dtype=torch.bool))
    assert nothing == 0
