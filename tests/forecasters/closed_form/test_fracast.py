import numpy as np
import pytest

from stemdist_ray.errors import DependencyError
from stemdist_ray.forecasters.closed_form.fracast import Fracast, filled
from stemdist_ray.system import dependencies


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(dependencies, "is_installed", lambda module: False)
    with pytest.raises(DependencyError, match=r"needs fracast, .*stemdist-ray\[pretrained\]"):
        Fracast()


def test_gaps_of_short_series_are_filled():
    nan = np.nan
    found = filled(np.array([nan, 1.0, nan, 3.0, nan], np.float32))
    np.testing.assert_array_equal(found, [1, 1, 2, 3, 3])


def test_it_continues_a_wave():
    pytest.importorskip("fracast")
    steps = np.arange(252)[:, None]
    wave = 20 + 5 * np.sin(2 * np.pi * steps / 24 + np.array([0.0, 2.0]))
    series = wave.astype(np.float32)
    recent = series[None, :240].copy()
    recent[0, 100:103, 0] = np.nan
    found = Fracast()(recent, 12)
    assert found.shape == (1, 12, 2)
    assert np.abs(found[0] - series[240:]).mean() < 1.0
    for few in (recent[:, -3:], np.where(np.arange(240)[None, :, None] % 60, np.nan, recent)):
        assert np.isfinite(Fracast()(few.astype(np.float32), 4)).all()
