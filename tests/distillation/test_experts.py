from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray.distillation.experts import (
    ExpertPlan,
    ExpertTask,
    expert_bytes,
    flat_weights,
    train_expert,
    train_experts,
)
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.predict import score_forecaster
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.progress import SilentReporter

PLAN = ExpertPlan(count=3, epochs=4, steps=5, windows=8, locations=8, learning_rate=0.1)


class LastFirst(SerialExecutor):
    """Trains the experts from the last to the first."""

    def run(self, function, tasks, on_done):
        return super().run(function, tasks[::-1], on_done)[::-1]


class Kept(dict):
    """Keeps experts in memory."""

    def load(self, index):
        return self.get(index)

    def save(self, expert):
        self[expert.index] = expert


@pytest.fixture(scope="module")
def real(seasonal, tiny_config):
    return real_data(seasonal, tiny_config)


def train(config, real, kind=SerialExecutor, keeper=None, plan=PLAN):
    return train_experts(plan, config, kind(real), "cpu", SilentReporter(), keeper)


def test_the_weights_of_every_epoch_are_kept(real, tiny_config):
    experts = train(tiny_config, real)
    assert [expert.index for expert in experts] == [0, 1, 2]
    model = build_forecaster(tiny_config.forecaster, WindowShape.of(real.windows))
    for expert in experts:
        assert expert.epochs == 4
        assert expert.weights.shape == (5, len(flat_weights(model)))
        assert all(np.abs(np.diff(expert.weights, axis=0)).max(axis=1) > 0)
    starts = [expert.weights[0] for expert in experts]
    assert not np.array_equal(starts[0], starts[1])


def test_they_learn(real, tiny_config):
    (expert,) = train(tiny_config, real, plan=replace(PLAN, count=1, epochs=10))
    model = build_forecaster(tiny_config.forecaster, WindowShape.of(real.windows))
    scores = []
    for weights in (expert.weights[0], expert.weights[-1]):
        torch.nn.utils.vector_to_parameters(torch.tensor(weights), model.parameters())
        scores.append(score_forecaster(model, real.selection, real.mean_window).relative_rmse)
    assert scores[1] < 0.95 * scores[0]


def test_the_order_of_training_does_not_matter(real, tiny_config):
    for one, two in zip(train(tiny_config, real), train(tiny_config, real, LastFirst), strict=True):
        np.testing.assert_array_equal(one.weights, two.weights)
    other = train(tiny_config.model_copy(update={"seed": 1}), real)
    assert not np.array_equal(other[0].weights, train(tiny_config, real)[0].weights)


def test_what_is_kept_is_not_trained_again(real, tiny_config):
    kept = Kept()
    first = train(tiny_config, real, keeper=kept, plan=replace(PLAN, count=2))
    assert sorted(kept) == [0, 1]
    said = []
    reporter = SilentReporter()
    reporter.say = said.append
    executor = SerialExecutor(real)
    ran = []
    run = executor.run
    executor.run = lambda f, tasks, done: (ran.extend(t.name for t in tasks), run(f, tasks, done))[
        1
    ]
    experts = train_experts(PLAN, tiny_config, executor, "cpu", reporter, kept)
    assert experts[:2] == first
    assert ran == ["expert 3 of 3"]
    assert said == ["experts: 2 of 3 were trained before"]


def test_a_rate_that_is_too_high_is_named(real, tiny_config):
    plan = replace(PLAN, learning_rate=1e6)
    task = ExpertTask("expert 1 of 1", plan, tiny_config.forecaster, 0, 1, "cpu")
    with pytest.raises(DivergenceError, match=r"expert 1 of 1 .* lower .*expert_rate"):
        train_expert(real, task)


def test_bytes_are_those_of_the_weights(real, tiny_config):
    found = expert_bytes(PLAN, tiny_config.forecaster, WindowShape.of(real.windows))
    assert found == sum(expert.weights.nbytes for expert in train(tiny_config, real))
