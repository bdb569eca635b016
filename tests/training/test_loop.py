import threading

import pytest
import torch

from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.forecasters.closed_form.fit_base import fit_base
from stemdist_ray.training.group import LocalGroup
from stemdist_ray.training.loop import TrainingLoop
from stemdist_ray.training.work import training_work
from tests.training.helpers import Threads, alone, assert_close


def together(work, size):
    team, failures = Threads(size), []
    loops = [TrainingLoop(work, member, "cpu") for member in team.members()]

    def run(loop):
        try:
            loop.run()
        except Exception as error:  # noqa: BLE001 - handed to the test
            failures.append(error)
            team.barrier.abort()

    threads = [threading.Thread(target=run, args=(loop,)) for loop in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    return team.states[-1]


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("on_distilled", [False, True])
def test_several_workers_take_the_same_steps_as_one(
    train_config, gappy, distilled, tmp_path, size, on_distilled
):
    # 0.1 of the readings are missing, and no batch divides evenly by 2 or 3.
    work = training_work(train_config, gappy, distilled if on_distilled else None, "hash")
    assert_close(alone(work, tmp_path / "state.pt"), together(work, size))


def test_training_helps(train_config, gappy, tmp_path):
    state = alone(training_work(train_config, gappy, None, "hash"), tmp_path / "state.pt")
    errors = [error for _, error in state["history"]]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.95 * errors[0]


def test_going_on_from_any_epoch_ends_where_the_undisturbed_run_does(train_config, gappy, tmp_path):
    noisy = {"name": "stid", "options": {"series_embedding": 8, "embedding": 8}}
    config = train_config.model_validate(train_config.model_dump() | {"forecaster": noisy})
    work = training_work(config, gappy, None, "hash")
    whole = alone(work, tmp_path / "whole.pt")

    class KilledError(Exception):
        pass

    class Mortal(LocalGroup):
        def report(self, record, state):
            super().report(record, state)
            if record["epoch"] == 2:
                raise KilledError

    with pytest.raises(KilledError):
        TrainingLoop(work, Mortal(tmp_path / "cut.pt"), "cpu").run()
    resumed = alone(work, tmp_path / "cut.pt")
    assert resumed["history"] == whole["history"]
    for name, value in whole["model"].items():
        assert torch.equal(value, resumed["model"][name])


def with_training(config, **settings):
    tree = config.model_dump()
    tree["training"] |= settings
    return config.model_validate(tree)


def test_more_epochs_later_are_more_epochs_at_once(train_config, gappy, tmp_path):
    """The validation after a last epoch is not one of the rhythm, and leaves no trace."""

    def train(epochs, name):
        config = with_training(train_config, epochs=epochs, check_every=2, learning_rate=0.05)
        return alone(training_work(config, gappy, None, "hash"), tmp_path / name)

    short = train(3, "state.pt")
    assert [epoch for epoch, _ in short["history"]] == [2, 3]
    # Nothing is lost where the same training is asked for again before it goes on.
    assert train(3, "state.pt")["history"] == short["history"]
    longer, whole = train(6, "state.pt"), train(6, "whole.pt")
    assert [epoch for epoch, _ in whole["history"]] == [2, 4, 6]
    assert longer["history"] == whole["history"]
    assert longer["best_epoch"] == whole["best_epoch"]
    for name, value in whole["best_weights"].items():
        assert torch.equal(value, longer["best_weights"][name])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 2}, "training.epochs=2: the checkpoint is after epoch 4"),
        ({"epochs": 9, "patience": 1}, "patience=1: such a training would have stopped after"),
    ],
)
def test_less_than_what_is_done_is_refused(train_config, gappy, tmp_path, settings, words):
    wild = {"learning_rate": 0.5, "patience": 0, "warmup_steps": 0, "averaging": 0.0}
    done = with_training(train_config, epochs=4, **wild)
    alone(training_work(done, gappy, None, "hash"), tmp_path / "state.pt")
    less = with_training(train_config, **{**wild, **settings})
    with pytest.raises(ConfigError, match=words):
        alone(training_work(less, gappy, None, "hash"), tmp_path / "state.pt")


def test_patience_ends_a_training_early(train_config, gappy, tmp_path):
    tree = train_config.model_dump()
    tree["training"] |= {"epochs": 50, "learning_rate": 0.5, "patience": 2}
    work = training_work(train_config.model_validate(tree), gappy, None, "hash")
    state = alone(work, tmp_path / "state.pt")
    assert state["epoch"] == state["best_epoch"] + 2 < 50


def test_divergence_is_reported(train_config, gappy, tmp_path):
    tree = train_config.model_dump()
    tree["training"] |= {"learning_rate": 1e30, "epochs": 2}
    work = training_work(train_config.model_validate(tree), gappy, None, "hash")
    with pytest.raises(DivergenceError, match="lower training.learning_rate"):
        alone(work, tmp_path / "state.pt")


def test_a_residual_may_end_where_it_began(train_config, gappy, tmp_path):
    """Then the base alone is what is kept, and a checkpoint knows it."""
    source = gappy.with_base(fit_base(gappy, "seasonal_linear", 0).bind(gappy))
    wild = with_training(train_config, epochs=2, learning_rate=5.0, warmup_steps=0, averaging=0.0)
    state = alone(training_work(wild, source, None, "hash"), tmp_path / "state.pt")
    assert [epoch for epoch, _ in state["history"]] == [0, 1, 2]
    assert state["best_epoch"] == 0
    longer = with_training(wild, epochs=3)
    resumed = alone(training_work(longer, source, None, "hash"), tmp_path / "state.pt")
    assert [epoch for epoch, _ in resumed["history"]] == [0, 1, 2, 3]
    assert resumed["history"][:3] == state["history"]


def test_the_rate_goes_on_rising_after_a_checkpoint(train_config, gappy, tmp_path):
    slow = with_training(train_config, epochs=4, warmup_steps=20)
    whole = alone(training_work(slow, gappy, None, "hash"), tmp_path / "whole.pt")
    alone(training_work(with_training(slow, epochs=2), gappy, None, "hash"), tmp_path / "parts.pt")
    parts = alone(training_work(slow, gappy, None, "hash"), tmp_path / "parts.pt")
    for name, value in whole["model"].items():
        assert torch.equal(value, parts["model"][name])
