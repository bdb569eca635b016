import numpy as np
import torch

from stemdist_ray.baselines.learned import begin
from stemdist_ray.baselines.timedc import (
    TimeDCOptions,
    decomposed,
    spectral_distance,
    whole_windows,
)
from tests.baselines.conftest import FEW_EXPERTS


def test_students_and_spectra_come_nearer(make_work, check_learns):
    options = {**FEW_EXPERTS, "steps": 30, "learning_rate": 0.02, "target_learning_rate": 0.02}
    check_learns("timedc", begin(make_work("timedc"), TimeDCOptions()), **options)


def test_trend_and_season_add_up(rng):
    series = torch.tensor(rng.normal(size=(3, 10, 2)))
    for width in (1, 2, 3, 10, 99):
        trend, season = decomposed(series, width)
        assert trend.shape == season.shape == series.shape
        torch.testing.assert_close(trend + season, series)
    trend, _ = decomposed(series, 3)
    torch.testing.assert_close(trend[:, 1:-1], series.unfold(1, 3, 1).mean(dim=3))
    line = torch.arange(10.0)[None, :, None]
    torch.testing.assert_close(decomposed(line, 3)[0][:, 1:-1], line[:, 1:-1])


def test_spectra_tell_periods_and_strengths_apart():
    steps = torch.arange(24.0)
    waves = [
        (a * torch.sin(2 * np.pi * steps / p + s))[None, :, None]
        for a, p, s in ((1, 6, 0), (1, 8, 0), (2, 6, 0))
    ]
    one, other_period, stronger = waves
    assert spectral_distance(one, one, 5).item() == 0
    assert spectral_distance(one, other_period, 5) > 0.1
    assert spectral_distance(one, stronger, 5) > 0.1
    both = torch.cat([one, other_period])
    assert spectral_distance(both, both[[1, 0]], 5).item() < 1e-6


def test_whole_windows_are_lookback_and_horizon(rng):
    x, y = torch.tensor(rng.normal(size=(2, 3, 4, 2))), torch.tensor(rng.normal(size=(2, 5, 4)))
    whole = whole_windows(x, y, 1)
    assert whole.shape == (2, 8, 4)
    torch.testing.assert_close(whole[:, :3], x[..., 1])
    torch.testing.assert_close(whole[:, 3:], y)
