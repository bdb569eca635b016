import numpy as np
import torch

from stemdist_ray.baselines.kernel_ridge import (
    kernel_forecast,
    lag_rows,
    seen_error,
    tangent_kernel,
    target_rows,
)
from stemdist_ray.baselines.kip import KipOptions, kernel_bytes
from stemdist_ray.baselines.learned import LearnedWindows, begin
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.training.steps import full_step

OPTIONS = {"steps": 60, "rows": 60, "batch": 200, "ridge": 1e-3, "learning_rate": 0.03}


def validation_error(begun, state, source):
    """Of kernel ridge regression on the synthetic windows, on the validation split."""
    windows = LearnedWindows(begun)
    step = windows.windows_of(torch.from_numpy(state.x), torch.from_numpy(state.y))
    real = full_step(
        source.windows, source.starts["val"][::3], None, source.mean_window(), torch.device("cpu")
    )
    rows, (targets, _) = lag_rows(step, 2), target_rows(step)
    within, across = tangent_kernel(rows, rows, 3), tangent_kernel(lag_rows(real, 2), rows, 3)
    return seen_error(kernel_forecast(within, across, targets, 1e-3), *target_rows(real)).item()


def test_it_forecasts_better_than_its_start(make_work, check_learns, based):
    start = begin(make_work("kip"), KipOptions())
    made = check_learns("kip", start, **OPTIONS)
    before = validation_error(start, start.state, based)
    assert validation_error(start, made.state, based) < 0.9 * before


def test_kernels_need_memory(make_work):
    work = make_work("kip")
    sizes = Sizes.of(work.config, work.real)
    held = kernel_bytes(sizes, KipOptions(rows=50, batch=100))
    assert held == 8 * 12 * 3 * 50 * 150
    most = kernel_bytes(sizes, KipOptions(rows=10**6, batch=100))
    rows = sizes.windows * sizes.locations
    assert most == np.float64(8 * 12 * 3 * rows * (rows + 100))
