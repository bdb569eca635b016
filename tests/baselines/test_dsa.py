import numpy as np
import pytest
import torch

from stemdist_ray.baselines.dsa import DsaOptions, Siamese
from stemdist_ray.baselines.learned import begin
from stemdist_ray.baselines.method import METHODS
from stemdist_ray.errors import ConfigError
from stemdist_ray.training.steps import TrainingStep
from tests.baselines.test_dc import SAME


def test_gradients_come_closer(make_work, check_learns):
    start = begin(make_work("dsa"), DsaOptions())
    check_learns("dsa", start, augmentations=("scale",), **SAME)


def some_step(windows, rng):
    x = torch.tensor(rng.normal(size=(windows, 6, 4, 2)), dtype=torch.float32)
    y = torch.tensor(rng.normal(size=(windows, 3, 4)), dtype=torch.float32)
    return TrainingStep(x, y, x.mean(0).transpose(0, 1), torch.tensor([1.0, 2, 0.5, 0.5]), None)


def changed(kind, rng, **options):
    both = some_step(5, rng), some_step(2, rng)
    after = Siamese(DsaOptions(augmentations=(kind,), **options), 1)(*both, rng)
    for before, step in zip(both, after, strict=True):
        if kind != "drop":  # the calendar is known
            torch.testing.assert_close(step.x[..., 1], before.x[..., 1])
    return both, after


def test_values_are_scaled_alike(rng):
    before, after = changed("scale", rng)
    factors = [(a.x[..., 0] / b.x[..., 0]).unique() for b, a in zip(before, after, strict=True)]
    np.testing.assert_allclose(factors[0], factors[0][0], rtol=1e-5)
    np.testing.assert_allclose(factors[1], factors[0][0], rtol=1e-5)
    np.testing.assert_allclose(after[0].y, factors[0][0] * before[0].y, rtol=1e-5)
    assert 0.8 <= factors[0][0] <= 1.2


def test_the_same_noise_is_added(rng):
    before, after = changed("jitter", rng, jitter=0.3)
    noise = [(a.x - b.x)[..., 0] for b, a in zip(before, after, strict=True)]
    torch.testing.assert_close(noise[0][0, :, 0], noise[1][1, :, 3], atol=1e-6, rtol=0)
    assert 0 < noise[0].abs().max() <= 0.3 * np.sqrt(3) + 1e-6


def test_the_first_lags_are_cut_off(rng):
    before, after = changed("crop", rng, crop=0.9)
    kept = [(a.x == b.x)[..., 0].all(dim=2).all(dim=0) for b, a in zip(before, after, strict=True)]
    assert torch.equal(*kept)
    cut = int(np.argmax(kept[0].numpy()))
    assert kept[0][cut:].all()
    assert (after[0].x[:, :cut, :, 0] == before[0].x[:, cut : cut + 1, :, 0]).all()


def test_the_same_locations_are_left_out(rng):
    before, after = changed("drop", rng, drop=0.5)
    for b, a in zip(before, after, strict=True):
        assert a.x.shape[2] == a.y.shape[2] == len(a.mean_window) == 2
        assert a.weights.mean().item() == pytest.approx(1.0)
        at = [i for i in range(4) if any(torch.equal(b.y[:, :, i], a.y[:, :, j]) for j in (0, 1))]
        assert len(at) == 2
    ratio = after[0].weights[0] / after[0].weights[1]
    torch.testing.assert_close(ratio, after[1].weights[0] / after[1].weights[1])


def test_unknown_augmentations_are_refused():
    with pytest.raises(ConfigError, match="method_options of dsa: augmentations"):
        METHODS.get("dsa").read_options({"augmentations": ["flip"]})
