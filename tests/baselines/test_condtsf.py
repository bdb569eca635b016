from dataclasses import replace

import numpy as np
import torch

from stemdist_ray.baselines.condtsf import CondTSFOptions, move_targets
from stemdist_ray.baselines.learned import begin, random_draws
from stemdist_ray.baselines.trajectories import TrajectoryMatching
from tests.baselines.conftest import FEW_EXPERTS, experts_for


def test_students_come_nearer_to_the_experts(make_work, check_learns):
    options = {**FEW_EXPERTS, "steps": 30, "learning_rate": 0.02, "target_learning_rate": 0.02}
    check_learns("condtsf", begin(make_work("condtsf"), CondTSFOptions()), **options)


def test_targets_move_towards_base_and_expert(make_work):
    work = make_work("condtsf", **FEW_EXPERTS)
    work = replace(work, experts=experts_for(work))
    with random_draws(work) as rng:
        run = TrajectoryMatching(work, rng)
        segment = run.draw()
        step = run.learned.fixed()
        said = run.forecast(segment.last, step).detach()
        base = run.learned.y.detach() - step.y
        before = run.learned.y.detach().clone()
        move_targets(run, segment.last, 0.25)
        wanted = 0.75 * before + 0.25 * (base + said)
        np.testing.assert_allclose(run.learned.y.detach(), wanted, atol=1e-5)
        assert run.learned.y.requires_grad
        move_targets(run, segment.last, 1.0)
        torch.testing.assert_close(run.learned.fixed().y, said, atol=1e-4, rtol=1e-3)
