from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.gradient_matching import GradientMatching, gradient_distance
from stemdist_ray.distillation.shard import run_shard
from tests.conftest import TINY


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


def test_windows_in_pieces_give_the_same_updates(clustered, make_task):
    task = make_task(objective="gradient", steps=2, inner_epochs=1)
    quiet = ForecasterConfig(name="stid", options={**TINY["forecaster"]["options"], "dropout": 0.0})
    found = []
    for size in (None, 2):
        torch.manual_seed(0)
        run = GradientMatching(clustered, replace(task, forecaster=quiet))
        run.piece = size
        objective = run.matching_step()
        run.train_surrogate()
        found.append((float(objective), run.synthetic.to_state(), list(run.model.parameters())))
    (one, whole, first), (two, cut, second) = found
    assert two == pytest.approx(one, rel=1e-4)
    np.testing.assert_allclose(cut.x, whole.x, rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(cut.y, whole.y, rtol=1e-3, atol=2e-4)
    for left, right in zip(first, second, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-2, atol=1e-3)


def test_a_small_budget_is_kept_to(clustered, make_task):
    torch.manual_seed(0)
    run = GradientMatching(clustered, make_task(objective="gradient", memory_budget=90_000))
    assert 1 <= run.piece < len(run.synthetic.x)
