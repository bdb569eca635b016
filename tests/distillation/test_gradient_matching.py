import numpy as np
import torch

from stemdist_ray.distillation.gradient_matching import GradientMatching
from stemdist_ray.distillation.shard import run_shard


def test_one_step_reduces_the_distance_at_that_point(clustered, make_task):
    torch.manual_seed(0)
    task = make_task(learning_rate=1e-3, subsets=1, real_batch=50, inner_epochs=0)
    run = GradientMatching(clustered, task)
    distances = [run.matching_step() for _ in range(15)]
    assert distances[-1] < distances[0]


def test_targets_can_stay_as_they_are(clustered, make_task):
    task = make_task(objective="gradient", learn_targets=False)
    update = run_shard(clustered, task)
    np.testing.assert_array_equal(update.state.y, task.state.y)
    assert not np.array_equal(update.state.x, task.state.x)


def test_surrogate_learns_from_either_data(clustered, make_task):
    for kind in ("synthetic", "real"):
        torch.manual_seed(0)
        run = GradientMatching(clustered, make_task(inner_data=kind, inner_epochs=30))
        subset, starts = torch.arange(5), np.arange(50)
        with torch.no_grad():
            before = run.real_loss(run.model.eval(), subset, starts)
        run.train_surrogate()
        with torch.no_grad():
            assert run.real_loss(run.model.eval(), subset, starts) < before
