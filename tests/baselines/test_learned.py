from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray.baselines.learned import (
    LearnedOptions,
    LearnedWindows,
    RealWindows,
    begin,
    fresh_network,
    loss_of,
    random_draws,
    train_network,
)
from stemdist_ray.baselines.method import MethodWork
from stemdist_ray.distillation.validation import real_data


@pytest.fixture(scope="module")
def work(based, based_config):
    config = based_config.model_copy(update={"method": "herding", "rounds": 0})
    return MethodWork(real_data(based, config), config, None)


@pytest.fixture
def begun(work):
    return begin(work, LearnedOptions())


def test_it_begins_with_real_windows_of_all_locations(work, begun):
    count = work.real.windows.num_locations
    assert begun.state.x.shape[2] == begun.clustering.num_clusters == count
    assert len(begun.state.x) == work.num_windows
    np.testing.assert_array_equal(begun.clustering.assignment, np.arange(count))
    again = begin(work, LearnedOptions())
    np.testing.assert_array_equal(again.state.x, begun.state.x)
    other = begin(work, LearnedOptions(start="covering"))
    assert not np.array_equal(other.state.x, begun.state.x)


def test_medoids_are_where_our_own_method_begins(work):
    begun = begin(work, LearnedOptions(locations="medoids"))
    medoids = begun.clustering.medoids
    assert len(medoids) == work.num_locations == begun.state.x.shape[2]
    np.testing.assert_array_equal(begun.mean_window, work.real.mean_window[medoids])
    assert LearnedWindows(begun).weights.mean().item() == pytest.approx(1.0)


def test_targets_are_what_the_base_leaves_of_them(begun):
    learned = LearnedWindows(begun)
    step = learned.windows()
    known = begun.known
    np.testing.assert_allclose(
        step.y.detach(), known.residual(begun.state.x, begun.state.y), atol=1e-6
    )
    np.testing.assert_array_equal(step.x.detach(), known.inputs(begun.state.x))
    # The base is part of what is learned: inputs move it.
    step.y.square().sum().backward()
    assert learned.x.grad.abs().max() > 0
    assert not learned.fixed().y.requires_grad


def test_synthetic_and_real_windows_are_the_same_kind_of_step(work, begun, rng):
    learned, real = LearnedWindows(begun).windows(), RealWindows(work, begun, rng).draw(5)
    assert learned.x.shape[1:] == real.x.shape[1:]
    assert learned.y.shape[1:] == real.y.shape[1:]
    assert len(real.x) == 5
    assert len(RealWindows(work, begun, rng).draw(10**6).x) == len(work.real.starts)


def test_networks_begin_at_the_base_and_learn(work, begun):
    with random_draws(work) as rng:
        model = fresh_network(work, begun)
        step = RealWindows(work, begun, rng).draw(40)
    assert model(step.x, step.mean_window).abs().max() == 0
    before = loss_of(model, step).item()
    train_network(model, torch.optim.Adam(model.parameters(), lr=1e-2), step, 10)
    assert loss_of(model, step).item() < before


def test_draws_follow_from_seed_and_method(work):
    def drawn(some):
        with random_draws(some) as rng:
            return rng.random(), torch.rand(()).item()

    assert drawn(work) == drawn(work)
    other = work.config.model_copy(update={"method": "medoid"})
    assert drawn(replace(work, config=other))[0] != drawn(work)[0]


def test_what_was_learned_is_what_is_made(begun):
    learned = LearnedWindows(begun)
    with torch.no_grad():
        learned.x += 1
    made = learned.made()
    np.testing.assert_allclose(made.state.x, begun.state.x + 1)
    np.testing.assert_array_equal(made.state.y, begun.state.y)
    assert made.known is begun.known
