from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.func import functional_call

from stemdist_ray.baselines import trajectories
from stemdist_ray.baselines.learned import random_draws
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.baselines.trajectories import (
    TrajectoryMatching,
    TrajectoryOptions,
    as_student,
    experts_wanted,
    trajectory_bytes,
)
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.shard_memory import StepMemory
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.training.losses import weighted_loss
from tests.baselines.conftest import FEW_EXPERTS, experts_for


@pytest.fixture(scope="module")
def work(make_work):
    made = make_work("mtt", **FEW_EXPERTS)
    return replace(made, experts=experts_for(made))


@pytest.fixture
def run(work):
    with random_draws(work) as rng:
        yield TrajectoryMatching(work, rng)


def plain_distance(run, segment, x, y, log_size):
    """The objective with the graph of all steps, as the paper writes it."""
    weights = segment.begin.clone().requires_grad_()
    for _ in range(run.options.student_steps):
        step = run.learned.windows_of(x, y)
        pieces = torch.split(weights, [shape.numel() for shape in run.shapes])
        named = {n: p.view(s) for n, p, s in zip(run.names, pieces, run.shapes, strict=True)}
        forecast = functional_call(run.model, named, (step.x, step.mean_window))
        loss = weighted_loss(forecast, step.y, step.weights)
        (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
        weights = weights - log_size.exp() * gradient
    whole = (segment.begin - segment.end).square().sum()
    return (weights - segment.end).square().sum() / whole


@pytest.mark.parametrize("piece", [99, 3])
def test_derivatives_are_those_of_the_whole_graph(run, piece):
    run.piece, segment = piece, run.draw()
    found, gradients = run.distance(segment)
    leaves = [run.learned.x, run.learned.y, run.log_step_size]
    wanted = plain_distance(run, segment, *leaves)
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-4, atol=1e-6)
    for own, plain in zip(gradients, torch.autograd.grad(wanted, leaves), strict=True):
        torch.testing.assert_close(own, plain, rtol=1e-3, atol=1e-5 * float(plain.abs().max()))


def test_a_student_that_does_not_move_is_one_away(run):
    run.log_step_size.data.fill_(-60.0)
    found, _ = run.distance(run.draw())
    assert found.item() == pytest.approx(1.0, abs=1e-5)


def test_segments_are_pieces_of_an_experts_way(run, work):
    for latest in (0, 2):
        segment = run.draw(latest)
        places = [
            (number, epoch)
            for number, expert in enumerate(work.experts)
            for epoch in range(expert.epochs + 1)
            if np.array_equal(expert.weights[epoch], segment.begin.numpy())
        ]
        ((number, epoch),) = places
        assert epoch <= latest
        weights = work.experts[number].weights
        np.testing.assert_array_equal(segment.end.numpy(), weights[epoch + 2])
        np.testing.assert_array_equal(segment.last.numpy(), weights[-1])


def test_what_is_beside_is_learned_from_as_well(run):
    segment = run.draw()
    run.update(segment, lambda: 100 * run.learned.y.square().mean())
    alone = run.distance(segment)[0]
    assert run.objectives[0] > 10 * alone
    assert run.learned.x.grad is not None


def test_a_part_of_the_windows_per_step(work):
    few = replace(work, options=TrajectoryOptions(**FEW_EXPERTS, batch=4))
    with random_draws(few) as rng:
        run = TrajectoryMatching(few, rng)
        _, gradients = run.distance(run.draw())
    touched = (gradients[1].abs().flatten(1).max(dim=1).values > 0).sum()
    assert 4 <= touched <= min(12, len(run.learned.y))


def test_students_follow_experts_as_far_as_these_go():
    assert experts_wanted(TrajectoryOptions(experts=7)).count == 7
    with pytest.raises(ConfigError, match="needs experts of 12 epochs, found expert_epochs 11"):
        experts_wanted(TrajectoryOptions(expert_epochs=11))


def test_windows_are_cut_where_memory_is_short(work, run, monkeypatch):
    memory = StepMemory(1000.0, 100.0)
    monkeypatch.setattr(trajectories.StepMemory, "measure", lambda *_: memory)

    def with_budget(size):
        matching = work.config.matching.model_copy(update={"memory_budget": size})
        config = work.config.model_copy(update={"matching": matching})
        return TrajectoryMatching(replace(work, config=config), np.random.default_rng(0))

    assert with_budget(1350).piece == 3
    assert with_budget(10**9).piece == len(run.learned.x)
    with pytest.raises(ConfigError, match=r"one window of 12 locations needs .*method mtt"):
        with_budget(1050)


def test_experts_are_most_of_what_it_needs(work):
    sizes = Sizes.of(work.config, work.real)
    held = sum(expert.weights.nbytes for expert in work.experts)
    assert trajectory_bytes(sizes, work.options) > held
    more = TrajectoryOptions(**{**FEW_EXPERTS, "experts": 20})
    assert trajectory_bytes(sizes, more) > 10 * held


def test_students_normalise_by_their_own_windows_and_drop_nothing(work):
    shape = WindowShape.of(work.real.windows)
    student = as_student(build_forecaster(ForecasterConfig(name="graph_wavenet"), shape))
    kinds = {type(m).__name__: m.training for m in student.modules()}
    assert kinds["BatchNorm1d"]
    assert not student.training


def test_data_that_are_not_finite_are_refused(run):
    run.learned.x.data[0, 0, 0, 0] = np.nan
    with pytest.raises(DivergenceError, match=r"method mtt .*learning_rate \(now 0.01\)"):
        run.made()


def test_experts_have_to_move():
    with pytest.raises(ValidationError, match="expert_rate"):
        TrajectoryOptions(expert_rate=0.0)
