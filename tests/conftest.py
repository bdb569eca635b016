"""Shared fixtures. Nothing here needs a network, a GPU or data from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before torch and Ray are imported: no spinning threads, no open or half-open local Ray.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)

import numpy as np
import pytest
import torch

from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
REAL_DATA = Path(os.environ.get("STEMDIST_TEST_DATA", ROOT.parent / "shared" / "data"))

torch.set_num_threads(1)


def real_file(name: str) -> Path:
    """Path of a real data file; skips the test where it is not there."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"real data file {name} is not in {REAL_DATA} (set STEMDIST_TEST_DATA)")
    return path


@pytest.fixture(scope="session")
def traffic() -> SpatioTemporalSeries:
    """A small simulated network with missing readings."""
    return simulate_traffic(TrafficParameters(locations=24, steps=400, seed=3))


@pytest.fixture(scope="session")
def tiny_config() -> DistillConfig:
    """A run of seconds: 2 rounds, 3 shards, serial, untracked."""
    return build_config("demo", TINY)


TINY = {
    "spatial_ratio": 0.4,
    "temporal_ratio": 0.05,
    "rounds": 2,
    "num_shards": 3,
    "data": {"lookback": 6, "horizon": 4},
    "forecaster": {"options": {"channels": 8, "skip_channels": 8, "end_channels": 8, "top_k": 4}},
    "teacher": {"epochs": 2, "check_every": 1},
    "matching": {
        "steps": 2,
        "subsets": 2,
        "smallest_subset": 1,
        "inner_epochs": 1,
        "real_batch": 8,
    },
    "refine": {"steps": 1, "inner_epochs": 1},
    "validation": {"every": 1, "epochs": 2, "check_every": 1, "windows": 4},
    "evaluation": {"epochs": 2, "repeats": 2, "check_every": 1, "validation_windows": 4},
    "worker": {"num_workers": 0},
    "tracking": {"enabled": False},
}


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One local Ray for all tests that need one."""
    import ray

    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=200 * 2**20,
        log_to_driver=False,
    )
    yield
    ray.shutdown()
