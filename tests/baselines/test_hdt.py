import numpy as np
import pytest
import torch

from stemdist_ray.baselines.hdt import (
    HarmonicMatching,
    HarmonicSeries,
    HDTOptions,
    gradient_bytes,
    mean_amplitudes,
    stretch_of,
)
from stemdist_ray.baselines.learned import random_draws
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.errors import DivergenceError


@pytest.fixture(scope="module")
def work(make_work):
    return make_work("hdt")


def test_gradients_and_amplitudes_come_nearer(work, check_learns):
    with random_draws(work) as rng:
        start = HarmonicMatching(work, rng)
        start.objectives.append(torch.zeros(()))
        begun = start.made()
    # One network that stays as it is, and all windows: nothing but the series changes.
    still = {"network_every": 30, "network_steps": 0, "batch": 512}
    check_learns("hdt", begun, steps=18, learning_rate=0.01, **still)


def test_all_harmonics_are_the_series_itself(rng):
    for length in (20, 21):
        series = rng.normal(size=(length, 3, 2)).astype(np.float32)
        whole = HarmonicSeries(series, 1.0, "cpu")
        np.testing.assert_allclose(whole.series().detach(), series, atol=1e-5)


def test_the_strongest_harmonics_are_kept_and_the_mean():
    steps = np.arange(24)[:, None, None]
    waves = [a * np.cos(2 * np.pi * k * steps / 24) for a, k in ((2.0, 3), (1.0, 5), (0.1, 7))]
    series = (0.01 + sum(waves)).astype(np.float32)
    few = HarmonicSeries(series, 3 / 13, "cpu")
    assert few.kept.flatten().tolist() == [0, 3, 5]
    np.testing.assert_allclose(few.amplitudes().detach().flatten(), [0.01, 1.0, 0.5], atol=1e-5)
    wanted = 0.01 + waves[0] + waves[1]
    np.testing.assert_allclose(few.series().detach(), wanted, atol=1e-5)


def test_windows_lie_end_to_end_where_there_is_room(rng):
    wide = stretch_of(5, 1000, 10, rng)
    assert (wide.length, wide.starts.tolist()) == (50, [0, 10, 20, 30, 40])
    assert 0 <= wide.first <= 950
    close = stretch_of(5, 30, 10, rng)
    assert (close.length, close.starts.tolist(), close.first <= 0) == (30, [0, 5, 10, 15, 20], True)
    assert stretch_of(1, 10, 10, rng).length == 10


def test_windows_are_cut_from_one_series(work):
    with random_draws(work) as rng:
        run = HarmonicMatching(work, rng)
        x, y = (part.detach().numpy() for part in run.cut())
        series = run.long.series().detach().numpy()
    apart = np.diff(run.rows_in[:, 0].numpy())
    assert len(set(apart.tolist())) == 1
    for row in (0, len(x) - 1):
        first = row * apart[0]
        np.testing.assert_array_equal(x[row], series[first : first + 6])
        np.testing.assert_array_equal(y[row], series[first + 6 : first + 10, :, 0])
    assert run.begun.known.offset.shape == y.shape


def test_amplitudes_of_a_wave(rng):
    steps = np.arange(400)[:, None, None]
    found = mean_amplitudes(2 * np.sin(2 * np.pi * steps / 20), 40, 5, rng)
    assert found.shape == (21, 1, 1)
    assert found[2, 0, 0] == pytest.approx(1.0, abs=1e-4)
    assert np.delete(found[:, 0, 0], 2).max() < 1e-4


def test_graphs_need_memory(work):
    sizes = Sizes.of(work.config, work.real)
    assert gradient_bytes(sizes, HDTOptions(batch=1)) > 8 * sizes.pass_bytes(1)


def test_a_series_that_is_not_finite_is_refused(work):
    with random_draws(work) as rng:
        run = HarmonicMatching(work, rng)
    run.long.coefficients.data[0, 0, 0, 0] = np.inf
    with pytest.raises(DivergenceError, match=r"learning_rate \(now 0.001\)"):
        run.made()
