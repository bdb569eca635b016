import pytest
import torch

from stemdist_ray.distillation.objective import gradient_distance, location_weights, weighted_loss


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


def test_distance_by_hand():
    real = [torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([5.0])]
    same = [torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([-5.0])]
    opposite = [torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.tensor([5.0])]
    assert gradient_distance(real, same) == pytest.approx(0, abs=1e-6)
    assert gradient_distance(real, opposite) == pytest.approx(2 + 1)


def test_distance_equals_a_plain_loop():
    torch.manual_seed(0)
    shapes = [(4, 3), (2, 3), (5,), (3, 2, 2), (1, 7)]
    real = [torch.randn(s, dtype=torch.float64) for s in shapes]
    other = [torch.randn(s, dtype=torch.float64) for s in shapes]
    total = 0.0
    for a, b in zip(real, other, strict=True):
        if a.ndim == 1:
            continue
        for row_a, row_b in zip(a, b, strict=True):
            p, q = row_a.flatten(), row_b.flatten()
            total += 1 - float(p @ q / (p.norm() * q.norm()))
    assert gradient_distance(real, other) == pytest.approx(total)


def test_rows_without_gradient_count_one_and_stay_finite():
    real = [torch.tensor([[0.0, 0.0], [1.0, 0.0]])]
    learned = torch.tensor([[1.0, 1.0], [0.0, 0.0]], requires_grad=True)
    distance = gradient_distance(real, [learned])
    assert distance.item() == pytest.approx(2)
    (gradient,) = torch.autograd.grad(distance, learned)
    assert gradient.isfinite().all()
