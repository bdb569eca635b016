import numpy as np
import torch

from stemdist_ray.distillation.gradient_matching import GradientMatching
from stemdist_ray.distillation.state import SyntheticState
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
