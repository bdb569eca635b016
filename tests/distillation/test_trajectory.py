import torch

from stemdist_ray.distillation.trajectory import AdamTrajectory


def test_trajectory_equals_torchs_adam():
    torch.manual_seed(0)
    theirs = torch.nn.Parameter(torch.randn(6))
    optimizer = torch.optim.Adam([theirs], lr=0.05)
    point = AdamTrajectory.begin(theirs.detach().clone())
    for _ in range(4):
        gradient = torch.randn(6)
        theirs.grad = gradient
        optimizer.step()
        point = point.step(gradient, 0.05)
    torch.testing.assert_close(point.weights, theirs.data)
    assert point.count == 4


def test_derivatives_are_carried_back_as_autograd_does():
    torch.manual_seed(0)
    before = AdamTrajectory(*torch.randn(3, 5, dtype=torch.float64), 2)
    before = AdamTrajectory(before.weights, before.first, before.second.square(), 2)
    for tensor in (before.weights, before.first):
        tensor.requires_grad_()
    gradient = torch.randn(5, dtype=torch.float64, requires_grad=True)
    after = before.step(gradient, 0.1)
    weights, first = torch.randn(2, 5, dtype=torch.float64)
    wanted = torch.autograd.grad(
        [after.weights, after.first], [gradient, before.first, before.weights], [weights, first]
    )
    found = after.detached().pull_back(before, weights, first, 0.1)
    torch.testing.assert_close(found, wanted[:2])
    torch.testing.assert_close(wanted[2], weights)
