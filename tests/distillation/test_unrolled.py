import numpy as np
import torch

from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.unrolled import AdamTrajectory, UnrolledTraining


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


def test_unrolled_training_is_ordinary_training(clustered, make_task):
    """The weights after unrolling equal those of torch's Adam on the same subsets."""
    task = make_task(subsets=1)
    torch.manual_seed(0)
    run = UnrolledTraining(clustered, task)
    run.model.options = run.model.options.model_copy(update={"dropout": 0.0})
    twin = type(run.model)(run.model.shape, run.model.options)
    twin.load_state_dict(run.model.state_dict())
    optimizer = torch.optim.Adam(twin.parameters(), lr=task.matching.inner_learning_rate)
    x, y = run.synthetic.x, run.synthetic.y
    point = run._unroll(run.point, x, y, 3, differentiable=True)
    for _ in range(3):
        loss = run.synthetic_loss(twin, torch.arange(5), x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    expected = torch.cat([p.detach().flatten() for p in twin.parameters()])
    torch.testing.assert_close(point.weights.detach(), expected, rtol=1e-3, atol=1e-5)


def test_gradient_points_downhill(clustered, make_task):
    """Repeating the same unrolled training on updated data lowers the real loss."""
    losses = []
    state = None
    for _ in range(12):
        task = make_task(objective="unrolled", steps=1, learning_rate=0.005, real_batch=50)
        if state is not None:
            task = type(task)(**{**vars(task), "state": state})
        update = run_shard(clustered, task)
        losses.append(update.objectives[0])
        state = update.state
    assert losses[-1] < losses[0]


def test_training_goes_on_between_steps(clustered, make_task):
    torch.manual_seed(0)
    run = UnrolledTraining(clustered, make_task(inner_epochs=2, subsets=2))
    run.matching_step()
    assert run.point.count == 3
    run.train_surrogate()
    assert run.point.count == 3 + 2 * 2
    assert run.point.weights.grad_fn is None


def test_targets_can_stay_as_they_are(clustered, make_task):
    task = make_task(objective="unrolled", learn_targets=False)
    update = run_shard(clustered, task)
    np.testing.assert_array_equal(update.state.y, task.state.y)
    assert not np.array_equal(update.state.x, task.state.x)
