"""Shared fixtures. Nothing here needs a network, a GPU or data from outside."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# Before torch and Ray are imported: no spinning threads, no open or half-open local Ray.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Ray's workers give way to everything else; beside other tests they would hardly get on.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - the name is Ray's
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)

import numpy as np
import pytest
import torch

from stemdist_ray.baselines.rows import Material
from stemdist_ray.clustering.kmeans import Clustering, cluster_locations
from stemdist_ray.clustering.vectors import location_vectors
from stemdist_ray.comparison.compare import Comparison
from stemdist_ray.comparison.train_row import ComparisonData
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
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.start import (
    cluster_source,
    clustered_data,
    initial_state,
    known_parts,
)
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.distillation.teacher import train_teacher
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase, fit_base
from stemdist_ray.pipeline import distill
from stemdist_ray.progress import SilentReporter
from stemdist_ray.training.work import DistilledWindows
from tests.reliability.plugin import pytest_addoption, pytest_configure  # noqa: F401 - hooks

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
def hourly() -> SpatioTemporalSeries:
    """Sixteen days of hours at twelve locations: a day, a weekend, two features, gaps.

    Speed also follows a map that no linear one can, so that networks have something to learn.
    """
    rng = np.random.default_rng(5)
    steps = np.arange(384)
    height = 1 + 0.5 * ((steps // 24) % 7 < 5)  # from a Monday on
    phase = rng.uniform(0, 2, 12)
    wave = height[:, None] * np.sin(2 * np.pi * steps[:, None] / 24 + phase)
    bent = np.zeros((384, 12))
    for step in range(1, 384):
        bent[step] = 0.95 * np.abs(bent[step - 1]) - 1 + 0.6 * rng.normal(size=12)
    speed = 20 + 5 * wave + 3 * bent
    values = np.stack([speed, 3 * wave - rng.normal(size=(384, 12))], axis=2).astype(np.float32)
    values[rng.random(values.shape) < 0.05] = np.nan
    times = np.datetime64("2024-01-01", "ns") + steps * np.timedelta64(1, "h")
    return SpatioTemporalSeries(values, times=times, feature_names=("speed", "flow"), name="hours")


@pytest.fixture(scope="session")
def seasonal(hourly: SpatioTemporalSeries) -> PreparedSource:
    """The hours, ready to be trained on, without a base."""
    return prepare(hourly, DataConfig(lookback=6, horizon=4))


@pytest.fixture(scope="session")
def fitted(seasonal: PreparedSource) -> FittedBase:
    """The seasonal linear base of the hours."""
    return fit_base(seasonal, "seasonal_linear", seed=0)


@pytest.fixture(scope="session")
def based(seasonal: PreparedSource, fitted: FittedBase) -> PreparedSource:
    """The hours with their base."""
    return seasonal.with_base(fitted.bind(seasonal))


@pytest.fixture(scope="session")
def teacher(based: PreparedSource, tiny_config: DistillConfig) -> Teacher:
    """A teacher of one member, trained on top of the base of the hours."""
    longer = tiny_config.teacher.model_copy(update={"epochs": 30})
    config = tiny_config.model_copy(update={"teacher": longer})
    real = real_data(based, config)
    teacher, errors = train_teacher(config, real, SerialExecutor(real), "cpu", SilentReporter())
    assert teacher is not None
    assert errors["mean"] < errors["base"]  # else it would say nothing
    return teacher


@pytest.fixture(scope="session")
def tiny_config() -> DistillConfig:
    """A run of seconds: 2 rounds, 3 shards, serial, untracked."""
    return build_config("demo", TINY)


# So that some steps are enough to learn something.
FAST = {"learning_rate": 1e-2, "warmup_steps": 0, "averaging": 0.5, "check_every": 1}

TINY = {
    "spatial_ratio": 0.4,
    "temporal_ratio": 0.05,
    "rounds": 2,
    "num_shards": 3,
    "data": {"lookback": 6, "horizon": 4},
    "forecaster": {"name": "stid", "options": {"embedding": 8, "layers": 1}},
    "teacher": {**FAST, "members": 1, "epochs": 3, "windows": 8, "locations": 8},
    "matching": {
        "steps": 2,
        "subsets": 2,
        "smallest_subset": 1,
        "inner_epochs": 1,
        "real_batch": 8,
        "real_locations": 6,
        "oldest": 3,
    },
    "refine": {"steps": 1, "inner_epochs": 1},
    "validation": {**FAST, "every": 1, "epochs": 2, "windows": 4},
    "evaluation": {
        **FAST,
        "epochs": 2,
        "repeats": 2,
        "rate_factors": (1.0,),
        "curve": (2, 4),
        "validation_windows": 4,
        "full_data_epochs": 2,
    },
    "worker": {"num_workers": 0},
    "tracking": {"enabled": False},
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give processes whole files, and all files that use the session's Ray to one of them.

    Two Rays that start at once are too much for a small machine: a raylet gives up on its agents
    after 15 seconds. And what sessions share is made once.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            shared = re.search(r"local_ray|\bsweep[,)]", (ROOT / file).read_text())
            return "ray" if shared else file

    return ByFile(config, log)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One local Ray for all tests that need one."""
    import ray

    from stemdist_ray.execution.session import start_local_ray  # Ray may not be installed

    start_local_ray(4, object_store_memory=200 * 2**20, log_to_driver=False)
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
    """Readings of eight locations in place of distilled data; no base, no teacher."""
    return make_material(prepared, tiny_config)


@pytest.fixture
def based_material(based, seasonal, teacher, tiny_config):
    """The same of the hours, with base and teacher."""
    base = based.windows.base
    return make_material(seasonal, tiny_config, base=base, teacher=teacher, teacher_base=base)


def make_material(source: PreparedSource, config: DistillConfig, **more: object) -> Material:
    starts, some = source.starts["train"], np.arange(8)
    vectors = location_vectors(source.windows, starts)
    windows = replace(source.windows, base=more.get("base")).select(some)
    batch = replace(windows, calendar=None).batch(starts[::40])
    return Material(
        source=source,
        x=batch.x.numpy(),
        y=batch.y.numpy(),
        clustering=cluster_locations(vectors, 8, config.clustering, 0),
        mean_window=source.mean_window(),
        config=config.evaluation,
        device="cpu",
        known=known_parts(windows, starts[::40]),
        **more,
    )


@pytest.fixture
def comparison(material):
    return make_comparison(material)


def make_comparison(material: Material, executor: object = None) -> Comparison:
    data = ComparisonData.of(material)
    return Comparison(data, executor or SerialExecutor(data), 0, 1, SilentReporter())


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
            # There are no locations behind these clusters.
            matching=MatchingConfig(
                **{**TINY["matching"], "unroll_steps": 3, "real": "clusters", **matching}
            ),
            forecaster=ForecasterConfig(**TINY["forecaster"]),
            seed=seed,
            threads=1,
            device="cpu",
        )

    return make


@pytest.fixture(scope="session")
def based_config(tiny_config: DistillConfig) -> DistillConfig:
    """The tiny configuration with five clusters and few windows."""
    return tiny_config.model_copy(update={"temporal_ratio": 0.03})


@pytest.fixture(scope="session")
def based_clusters(based: PreparedSource, based_config: DistillConfig) -> Clustering:
    """Five clusters of the hours."""
    return cluster_source(based_config, based)


@pytest.fixture(scope="session")
def based_data(
    based: PreparedSource,
    based_config: DistillConfig,
    based_clusters: Clustering,
    teacher: Teacher,
) -> ClusteredData:
    """All that shard tasks read: clusters of the hours with base, locations and teacher."""
    clustered = clustered_data(based, based_clusters)
    return replace(
        clustered,
        known=initial_state(based_config, based, based_clusters, clustered)[1],
        real=real_data(based, based_config),
        assignment=based_clusters.assignment,
        teacher=teacher,
    )


@pytest.fixture(scope="session")
def based_start(
    based: PreparedSource,
    based_config: DistillConfig,
    based_clusters: Clustering,
    based_data: ClusteredData,
) -> tuple[SyntheticState, KnownParts]:
    """The unlearned start on the hours, and what is known of it."""
    return initial_state(based_config, based, based_clusters, based_data)


@pytest.fixture
def make_based_task(based_config, based_start):
    """Build a task on the clustered hours."""

    def make(locations=(0, 1, 3, 4), seed=11, **matching):
        at, (state, _) = np.array(locations), based_start
        return ShardTask(
            name="test shard",
            locations=at,
            state=state.take(at),
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
