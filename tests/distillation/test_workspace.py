import numpy as np
import pytest
import torch

from stemdist_ray.distillation.gradient_matching import GradientMatching
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.unrolled import UnrolledTraining
from stemdist_ray.distillation.workspace import SyntheticTensors
from stemdist_ray.training.steps import mean_window_of


def test_adam_equals_torchs_own(rng):
    x = rng.normal(size=(2, 3, 4, 1)).astype(np.float32)
    y = rng.normal(size=(2, 2, 4)).astype(np.float32)
    ours = SyntheticTensors(SyntheticState.fresh(x, y), "cpu")
    theirs = torch.nn.Parameter(torch.tensor(x))
    optimizer = torch.optim.Adam([theirs], lr=0.01)
    everywhere = torch.arange(4)
    for _ in range(5):
        gradient = torch.tensor(rng.normal(size=x.shape).astype(np.float32))
        ours.adam_step(everywhere, {"x": gradient}, 0.01)
        theirs.grad = gradient
        optimizer.step()
    torch.testing.assert_close(ours.x, theirs.data)
    np.testing.assert_array_equal(ours.to_state().updates, 5)
    np.testing.assert_array_equal(ours.to_state().y, y)


def test_adam_counts_each_location_by_itself(rng):
    x = np.zeros((1, 2, 3, 1), np.float32)
    ours = SyntheticTensors(SyntheticState.fresh(x, np.zeros((1, 2, 3), np.float32)), "cpu")
    at = torch.tensor([1])
    ours.adam_step(at, {"x": torch.ones(1, 2, 1, 1)}, 0.1)
    torch.testing.assert_close(ours.x[0, :, :, 0], torch.tensor([[0.0, -0.1, 0]]).expand(2, 3))
    np.testing.assert_array_equal(ours.to_state().updates, [0, 1, 0])


def test_mean_window():
    x = torch.randn(5, 3, 4, 2)
    assert mean_window_of(x).shape == (4, 3, 2)
    torch.testing.assert_close(mean_window_of(x)[1, 2], x[:, 2, 1].mean(0))


def test_real_samples_are_members_of_the_shard(based_data, make_based_task):
    task = make_based_task(locations=(1, 3), against="readings")
    run = UnrolledTraining(based_data, task)
    members = np.flatnonzero(np.isin(based_data.assignment, [1, 3]))
    sample = run.real_targets()
    count = min(6, len(members))
    assert sample.x.shape == (8, 6, count, 7)
    assert sample.y.shape == sample.observed.shape == (8, 4, count)
    known = {window.tobytes() for window in based_data.real.mean_window[members]}
    assert {window.numpy().tobytes() for window in sample.mean_window} <= known


def test_targets_of_a_teacher_have_no_gaps(based_data, make_based_task, teacher):
    run = UnrolledTraining(based_data, make_based_task())
    sample = run.real_targets()
    assert sample.observed is None
    wanted = teacher.forecast(sample.x.numpy(), sample.mean_window.numpy())
    np.testing.assert_allclose(sample.y, wanted, atol=1e-6)
    assert not sample.y.requires_grad


def test_targets_follow_the_inputs_that_the_base_is_made_of(based_data, make_based_task):
    """The loss is on what the base leaves, and that changes with the lags."""
    run = UnrolledTraining(based_data, make_based_task())
    known, subset = based_data.known.take(run.task.locations), torch.tensor([0, 2])
    x = run.synthetic.x[:, :, subset].clone().requires_grad_()
    y = run.synthetic.y[:, :, subset]
    moved = x + 0.5
    part = known.take(subset.numpy())
    residual = part.residual(moved.detach().numpy(), y.numpy())

    def nothing(inputs, mean_window):
        assert inputs.shape[-1] == 7
        return torch.zeros(len(inputs), 4, 2)

    sizes = run.cluster_size[subset]
    weights = (sizes / sizes.mean()).numpy()
    loss = run.synthetic_loss(nothing, subset, moved, y, slice(None))
    assert loss.item() == pytest.approx((residual**2 * weights).mean(), rel=1e-4)
    assert torch.autograd.grad(loss, x)[0].abs().max() > 0


def test_draws(clustered, make_task):
    run = GradientMatching(clustered, make_task(synthetic_batch=2))
    assert len(run.draw_synthetic()) == 2
    assert len(set(run.draw_real(8).tolist())) == 8
    assert len(run.draw_real(1000)) == 50
    parts = run.subsets()
    assert sorted(torch.cat(parts).tolist()) == [0, 1, 2, 3, 4]
    assert GradientMatching(clustered, make_task(smallest_subset=3)).num_subsets == 1
    assert GradientMatching(clustered, make_task(smallest_subset=99)).num_subsets == 1
    everything = GradientMatching(clustered, make_task())
    assert everything.draw_synthetic() == slice(None)
