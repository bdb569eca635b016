import numpy as np
import torch

from stemdist_ray.baselines.dm import embedding_bytes
from stemdist_ray.baselines.idm import IdmOptions, NetworkQueue, expanded, queue_bytes
from stemdist_ray.baselines.learned import RealWindows, begin
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.training.steps import TrainingStep


def test_objective_falls(make_work, check_learns):
    options = {"steps": 40, "batch": 32, "learning_rate": 0.03, "networks": 3}
    check_learns("idm", begin(make_work("idm"), IdmOptions()), **options)


def test_parts_are_stretched_to_whole_windows():
    x = torch.arange(8.0).view(1, 8, 1, 1)
    x = torch.cat([x, -torch.ones_like(x)], dim=3)  # a calendar column stays
    y = torch.arange(4.0).view(1, 4, 1)
    seen = torch.tensor([True, True, True, False]).view(1, 4, 1)
    step = expanded(TrainingStep(x, y, x[0, :, :].transpose(0, 1), torch.ones(1), seen), 2, 1)
    assert step.x.shape == (3, 8, 1, 2)
    np.testing.assert_allclose(step.x[1, :, 0, 0], np.linspace(0, 3, 8), atol=1e-6)
    np.testing.assert_allclose(step.x[2, :, 0, 0], np.linspace(4, 7, 8), atol=1e-6)
    assert (step.x[..., 1] == -1).all()
    np.testing.assert_allclose(step.y[2, :, 0], np.linspace(2, 3, 4), atol=1e-6)
    np.testing.assert_array_equal(step.observed[1, :, 0], [True] * 4)
    np.testing.assert_array_equal(step.observed[2, :, 0], [True, False, False, False])


def test_old_networks_make_way_for_fresh_ones(make_work, rng):
    work = make_work("idm", networks=2, oldest=3, network_steps=2, batch=16)
    begun = begin(work, work.options)
    queue = NetworkQueue(work, begun, RealWindows(work, begun, rng), rng)
    torch.manual_seed(0)
    seen = {id(queue.take()) for _ in range(2)}
    assert len(seen) == 2
    kept = [queue.waiting[0], queue.waiting[1]]
    for _ in range(12):
        queue.take()
    assert all(one.steps <= 4 for one in queue.waiting)
    assert not any(one is other for one in queue.waiting for other in kept)


def test_parts_need_memory(make_work):
    work = make_work("idm")
    sizes = Sizes.of(work.config, work.real)
    assert queue_bytes(sizes, work.options) > 3 * embedding_bytes(sizes, work.options)
