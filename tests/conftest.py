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

from stemdist_ray.baselines import Material
from stemdist_ray.clustering.kmeans import cluster_locations, location_vectors
from stemdist_ray.comparison.compare import Comparison
from stemdist_ray.config import (
    DataConfig,
    DistillConfig,
    ForecasterConfig,
    MatchingConfig,
    TrainConfig,
    build_config,
)
from stemdist_ray.data.prepared import PreparedSource, prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.pipeline import distill
from stemdist_ray.progress import SilentReporter
from stemdist_ray.training.work import DistilledWindows

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


@pytest.fixture(scope="session")
def artifact(
    tmp_path_factory: pytest.TempPathFactory,
    traffic: SpatioTemporalSeries,
    tiny_config: DistillConfig,
) -> Path:
    """Folder of a finished run of the tiny configuration."""
    return distill(traffic, tmp_path_factory.mktemp("runs") / "tiny", tiny_config).path


@pytest.fixture
def prepared(traffic: SpatioTemporalSeries) -> PreparedSource:
    """The small network, ready to be trained on."""
    return prepare(traffic, DataConfig(lookback=6, horizon=4))


@pytest.fixture
def material(prepared, tiny_config):
    """Readings of eight locations in place of distilled data."""
    starts = prepared.starts["train"]
    vectors = location_vectors(prepared.windows, starts)
    clustering = cluster_locations(vectors, 8, tiny_config.clustering, 0)
    batch = prepared.windows.batch(starts[::40], np.arange(8))
    return Material(
        source=prepared,
        x=batch.x.numpy(),
        y=batch.y.numpy(),
        clustering=clustering,
        mean_window=prepared.mean_window(),
        config=tiny_config.evaluation,
        device="cpu",
    )


@pytest.fixture
def comparison(material, tiny_config):
    return Comparison(material, tiny_config.forecaster, 0, SilentReporter())


@pytest.fixture
def clustered(rng):
    """Eight clusters, 60 steps, some missing."""
    steps = np.arange(60)[:, None, None]
    values = np.sin(steps / 5 + np.arange(8)[None, :, None]) + 0.1 * rng.normal(size=(60, 8, 1))
    mask = rng.random((60, 8, 1)) > 0.1
    windows = WindowedSeries(np.where(mask, values, 0).astype(np.float32), mask, 0, 6, 4)
    starts = np.arange(50)
    return ClusteredData(windows, starts, windows.mean_window(starts), np.arange(1, 9))


@pytest.fixture
def make_task(clustered):
    """Build a task on the clustered data."""

    def make(locations=(0, 2, 3, 5, 7), seed=11, **matching):
        at = np.array(locations)
        batch = clustered.windows.batch(np.arange(0, 50, 10), at)
        return ShardTask(
            name="test shard",
            locations=at,
            state=SyntheticState.fresh(batch.x.numpy(), batch.y.numpy()),
            matching=MatchingConfig(**{**TINY["matching"], "unroll_steps": 3, **matching}),
            forecaster=ForecasterConfig(**TINY["forecaster"]),
            seed=seed,
            threads=1,
            device="cpu",
        )

    return make


@pytest.fixture
def train_config():
    return TrainConfig(
        data={"lookback": 6, "horizon": 4},
        forecaster=ForecasterConfig(name="dlinear", options={"kernel_size": 3}),
        training={"epochs": 4, "batch": 25, "validation_windows": 10, "subsets": 2},
        tracking={"enabled": False},
    )


@pytest.fixture
def gappy_series():
    return simulate_traffic(TrafficParameters(locations=8, steps=300, missing=0.1))


@pytest.fixture
def gappy(train_config, gappy_series):
    return prepare(gappy_series, train_config.data)


@pytest.fixture
def distilled(gappy):
    batch = gappy.windows.batch(gappy.starts["train"][::20])
    return DistilledWindows(batch.x.numpy(), batch.y.numpy(), np.arange(1, 9))
