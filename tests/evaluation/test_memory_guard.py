"""The budgets that cut batches bound what is really held: measured, for every forecaster."""

import ctypes
import multiprocessing
import sys

import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.evaluation.predict import forecast_windows, windows_per_batch
from stemdist_ray.forecasters import FORECASTERS, build_forecaster
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.training import engine
from stemdist_ray.training.steps import TrainingStep

LOCATIONS, BUDGET = 600, 48 * 2**20
SHAPE = WindowShape(12, 12, 1)


def measure(names):
    """MiB held beyond the inputs while forecasting, and while training, per forecaster."""
    torch.set_num_threads(1)
    engine.TRAINING_BUDGET = BUDGET
    return {name: (forecasting(name), training(name)) for name in names}


def emptied():
    """Give freed memory back to the system, so that what is held next shows."""
    ctypes.CDLL(None).malloc_trim(0)


def model(name):
    torch.manual_seed(0)
    return build_forecaster(ForecasterConfig(name=name), SHAPE)


def forecasting(name):
    own = model(name).eval()
    windows = min(64, 2 * windows_per_batch(own, LOCATIONS))
    x = torch.randn(windows, 12, LOCATIONS, 1).numpy()
    mean_window = x.mean(0).transpose(1, 0, 2)
    emptied()
    with PeakMemory() as memory:
        before = memory.so_far()
        forecast_windows(own, x, mean_window)
    return memory.peak_mib - before


def training(name):
    own = model(name).train()
    windows = min(32, 2 * windows_per_batch(own, LOCATIONS, BUDGET))
    x, y = torch.randn(windows, 12, LOCATIONS, 1), torch.randn(windows, 12, LOCATIONS)
    step = TrainingStep(x, y, x.mean(0).transpose(0, 1), torch.ones(LOCATIONS), None)
    emptied()
    with PeakMemory() as memory:
        before = memory.so_far()
        engine.add_gradients(own, step)
    return memory.peak_mib - before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")
def test_what_is_held_stays_near_the_budget():
    # AGCRN makes parameters for every location at every step, which no cut of windows bounds.
    names = [n for n in FORECASTERS.names() if n != "agcrn" and not n.endswith("plain")]
    # In a process of its own: what other tests freed would be given out again unseen.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        held = pool.apply(measure, (names,))
    for name, (forecast, train) in held.items():
        assert forecast < 2.5 * 96, (name, forecast)
        # The estimates for training are low, up to 6 times (iTransformer, MTGNN), measured here.
        assert train < 9 * 48, (name, train)
