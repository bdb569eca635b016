import numpy as np
import pytest
import torch

from stemdist_ray.config import BudgetConfig, ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.training.engine import Engine
from stemdist_ray.training.pruned import PrunedData, keep_probabilities
from stemdist_ray.training.steps import FullData


@pytest.fixture
def full(prepared):
    return FullData(prepared.windows, prepared.starts["train"], prepared.mean_window(), batch=16)


@pytest.fixture
def pruned(full):
    return PrunedData(full, share=0.5, epochs=6, last=2)


def told(step, losses):
    step.told(torch.as_tensor(losses, dtype=torch.float32))


def epoch(pruned, loss=lambda step: np.ones(len(step.x)), seed=0):
    steps = []
    for step in pruned.epoch(np.random.default_rng(seed)):
        told(step, loss(step))
        steps.append(step)
    return steps


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_probabilities_follow_scores_and_have_their_mean(share, rng):
    scores = rng.exponential(size=200)
    keep = keep_probabilities(scores, share)
    assert keep.mean() == pytest.approx(share, abs=1e-6)
    assert keep.min() >= 0.25 * share - 1e-12
    assert keep.max() <= 1
    assert (np.diff(keep[np.argsort(scores)]) >= 0).all()


def test_equal_scores_give_equal_probabilities():
    np.testing.assert_allclose(keep_probabilities(np.ones(9), 0.3), 0.3)
    np.testing.assert_allclose(
        keep_probabilities(np.zeros(9), 1.0), 0.25
    )  # nothing is to be learned


def test_the_first_epoch_and_the_last_ones_see_everything(pruned, full):
    counts = [sum(len(s.x) for s in epoch(pruned, seed=seed)) for seed in range(6)]
    everything = len(full.starts)
    assert counts[0] == counts[4] == counts[5] == everything
    for count in counts[1:4]:
        assert 0.4 * everything < count < 0.6 * everything


def test_windows_with_large_losses_are_kept_more_often(pruned):
    hard = np.arange(len(pruned.losses)) % 4 == 0
    pruned.losses[:] = np.where(hard, 4.0, 1.0)
    pruned.number = 2
    keep = pruned.probabilities()
    assert keep[hard].min() > 1.9 * keep[~hard].max()


def test_weights_make_up_for_what_is_left_out(pruned):
    """The weighted mean over kept windows is, in the mean, that over all."""
    rng = np.random.default_rng(1)
    pruned.losses[:] = rng.exponential(size=len(pruned.losses))
    values, found = pruned.full.windows.inputs[pruned.full.starts + 5, 0, 0], []
    for seed in range(60):
        pruned.number = 1
        total, count = 0.0, 0
        losses = pruned.losses.copy()
        for step in pruned.epoch(np.random.default_rng(seed)):
            total += float((step.weights[:, 0, 0] * step.x[:, 5, 0, 0]).sum())
            count += len(step.x)
        pruned.losses[:] = losses
        found.append(total / count)
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(values.mean(), abs=4 * error + 0.01)


def test_losses_are_remembered_as_running_means_of_their_own_window(pruned):
    for step in pruned.epoch(np.random.default_rng(0)):
        told(step, step.x[:, 0, 0, 0])
    first = pruned.full.windows.inputs[pruned.full.starts, 0, 0]
    np.testing.assert_allclose(pruned.losses, first, atol=1e-6)
    pruned.number = 10
    epoch(pruned, loss=lambda step: np.zeros(len(step.x)))
    np.testing.assert_allclose(pruned.losses, first / 2, atol=1e-6)


@pytest.mark.parametrize("cut", [False, True])
def test_a_training_tells_the_losses(pruned, monkeypatch, cut):
    if cut:
        monkeypatch.setattr("stemdist_ray.training.engine.windows_per_batch", lambda *_: 5)
    shape = WindowShape.of(pruned.full.windows)
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(options={"embedding": 4, "layers": 1}), shape)
    budget = BudgetConfig(learning_rate=1e-9, warmup_steps=0)
    Engine(model, budget).train_epoch(pruned.epoch(np.random.default_rng(0)))
    assert not np.isnan(pruned.losses).any()
    batch = pruned.full.windows.batch(pruned.full.starts[[7]])
    mean_window = torch.tensor(pruned.full.mean_window)
    apart = (model(batch.x, mean_window).detach() - batch.y)[batch.observed]
    assert pruned.losses[7] == pytest.approx(float(apart.square().mean()), rel=1e-3)


def test_an_epoch_that_would_be_empty_keeps_one(full):
    pruned = PrunedData(full, share=1e-6, epochs=6, last=1)
    epoch(pruned)
    assert sum(len(step.x) for step in epoch(pruned)) == 1
