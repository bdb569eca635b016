import math
import threading
from dataclasses import replace

import pytest
import torch

from stemdist_ray.config import BudgetConfig, ForecasterConfig
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.training.engine import Engine, add_gradients
from stemdist_ray.training.steps import TrainingStep
from tests.training.helpers import Threads

SHAPE = WindowShape(6, 4, 1)


def model(seed=0):
    torch.manual_seed(seed)
    config = ForecasterConfig(name="dlinear", options={"kernel_size": 3})
    # In float64: Adam's first step makes a sign, and so a full step, of the smallest gradient.
    return build_forecaster(config, SHAPE).double()


def step(windows=7, observed=None):
    torch.manual_seed(1)
    x, y = torch.randn(windows, 6, 5, 1).double(), torch.randn(windows, 4, 5).double()
    return TrainingStep(x, y, torch.zeros(5, 6, 1).double(), torch.rand(5).double() + 0.5, observed)


def budget(**changes):
    usual = {"epochs": 6, "check_every": 2, "averaging": 0.0, "warmup_steps": 0}
    return BudgetConfig(**{**usual, "learning_rate": 1e-3, **changes})


def score(error):
    blank = {"relative_mae": 0.0, "mae": 0.0, "rmse": 0.0, "mape": 0.0, "per_horizon": {}}
    return lambda model: Metrics(relative_rmse=error, **blank)


def test_an_epoch_is_plain_adam_on_the_weighted_loss():
    engine, own = Engine(model(), budget()), model()
    assert engine.train_epoch([step(), step()]) == 2
    optimizer = torch.optim.Adam(own.parameters(), lr=1e-3)
    for data in (step(), step()):
        optimizer.zero_grad()
        error = (own(data.x, data.mean_window) - data.y).square() * data.weights
        error.mean().backward()
        optimizer.step()
    for ours, theirs in zip(engine.model.parameters(), own.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_rate_rises_over_the_first_steps_and_stays():
    engine = Engine(model(), budget(warmup_steps=3, learning_rate=0.4))
    rates = []
    for _ in range(6):
        engine.take(step())
        rates.append(engine.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert rates[-1] == 0.4
    assert engine.steps == 6


def test_warming_up_makes_the_first_steps_smaller():
    start = torch.cat([p.flatten() for p in model().parameters()])
    moved = []
    for warmup in (0, 9):
        engine = Engine(model(), budget(warmup_steps=warmup))
        engine.take(step())
        after = torch.cat([p.detach().flatten() for p in engine.model.parameters()])
        moved.append(float((after - start.detach()).norm()))
    assert moved[1] == pytest.approx(moved[0] / 10, rel=1e-3)


def test_on_top_of_a_base_no_network_at_all_is_a_candidate():
    residual = replace(SHAPE, residual=True)
    fresh = build_forecaster(ForecasterConfig(name="dlinear", options={"kernel_size": 3}), residual)
    engine = Engine(fresh, budget())
    engine.begin(score(1.0))
    assert (engine.best.epoch, engine.best.error) == (0, 1.0)
    assert all((engine.best.weights[n] == p).all() for n, p in fresh.state_dict().items())
    engine.validate(2, score(2.0))
    assert engine.best.epoch == 0
    engine.check_converged("dlinear")
    alone = Engine(model(), budget())
    alone.begin(score(1.0))
    assert alone.best.history == []


def test_the_average_follows_the_weights():
    engine = Engine(model(), budget(averaging=0.75))
    start = [p.detach().clone() for p in engine.model.parameters()]
    engine.train_epoch([step()])
    first = [p.detach().clone() for p in engine.model.parameters()]
    engine.train_epoch([step()])
    for begin, one, two, mean in zip(
        start, first, engine.model.parameters(), engine.candidate.parameters(), strict=True
    ):
        assert not torch.equal(begin, one)
        torch.testing.assert_close(mean, 0.75 * one + 0.25 * two)  # the first step begins it


def test_when_to_validate_and_when_to_stop():
    engine = Engine(model(), budget(epochs=5), patience=1)
    assert [epoch for epoch in range(1, 6) if engine.is_due(epoch)] == [2, 4, 5]
    assert not engine.is_over(4)
    assert engine.is_over(5)
    engine.validate(2, score(1.0))
    assert not engine.is_over(2)
    engine.validate(4, score(1.5))
    assert engine.is_over(4)
    assert engine.best.epoch == 2
    assert engine.best.history == [(2, 1.0), (4, 1.5)]


@pytest.mark.parametrize("error", [math.nan, math.inf])
def test_weights_that_never_gave_a_number_are_not_kept(error):
    engine = Engine(model(), budget(learning_rate=0.25))
    engine.validate(2, score(error))
    with pytest.raises(DivergenceError, match=r"lower budget.learning_rate \(now 0.25\)"):
        engine.check_converged("dlinear")
    engine.validate(4, score(2.0))
    engine.check_converged("dlinear")
    assert engine.best.epoch == 4


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("size", [2, 3, 9])
def test_workers_that_share_a_step_take_it_like_one(size, missing):
    """Also where a worker has no window at all, and where targets are missing unevenly."""
    observed = None
    if missing:
        observed = torch.rand(7, 4, 5, generator=torch.Generator().manual_seed(2)) < 0.4
        observed[0] = False
    whole = Engine(model(), budget())
    whole.train_epoch([step(observed=observed)])
    team = Threads(size)
    engines = [Engine(model(), budget(), group=member) for member in team.members()]
    together = step(observed=observed)

    def take(engine):
        engine.train_epoch([together.every(size, engine.group.rank)])

    threads = [threading.Thread(target=take, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        for ours, theirs in zip(engine.model.parameters(), whole.model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_large_steps_are_cut_and_their_gradients_add_up(monkeypatch):
    whole, cut = model(), model()
    add_gradients(whole, step())
    calls = []
    monkeypatch.setattr(
        "stemdist_ray.training.engine.windows_per_batch", lambda *unused: calls.append(1) or 2
    )
    add_gradients(cut, step())
    assert calls
    for one, other in zip(whole.parameters(), cut.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
