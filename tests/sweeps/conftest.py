import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from stemdist_ray.sweeps.sweep import SweepConfig, search
from stemdist_ray.sweeps.trial import SharedSweep
from tests.conftest import TINY

SEARCH = {
    "space": {
        "spatial_ratio": {"log": [0.1, 0.5], "points": 2},
        "matching.learning_rate": {"choice": [0.005, 1e30]},
    },
    "objectives": ["error", "bytes"],
    "searcher": "grid",
    "scheduler": "none",
    "evaluate_points": 1,
}

MODELS = {
    "space": {
        "forecaster.name": {"choice": ["stid", "dlinear"]},
        "evaluation.learning_rate": {"choice": [0.01, 0.001]},
    },
    "objectives": ["error"],
    "searcher": "grid",
    "scheduler": "none",
}


def sweep_config(**changes):
    settings = {k: v for k, v in TINY.items() if k != "spatial_ratio"}
    return SweepConfig(preset="demo", config=settings, search={**SEARCH, **changes})


def small_series():
    return simulate_traffic(TrafficParameters(locations=24, steps=400, seed=3))


class Lines:
    """A reporter that keeps what it was told."""

    def __init__(self):
        self.lines, self.bar = [], []

    def begin(self, what, total):
        self.bar = [0, total]

    def advance(self, units=1):
        self.bar[0] += units

    def say(self, text):
        self.lines.append(text)


@pytest.fixture(scope="session")
def sweep(local_ray, tmp_path_factory):
    """A finished sweep of four trials, two of which diverge; its result and what was said."""
    folder, reporter = tmp_path_factory.mktemp("sweeps") / "grid", Lines()
    result = search(small_series(), folder, sweep_config(), reporter=reporter)
    return result, reporter


@pytest.fixture
def shared(tmp_path):
    """What trials share, for running one in this process."""
    config = sweep_config()
    data = DataConfig(lookback=6, horizon=4)
    return SharedSweep(tmp_path, prepare(small_series(), data), config.space(), 0, {})
