import numpy as np
import pytest

from stemdist_ray.config import ForecasterConfig, MatchingConfig
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from tests.conftest import TINY


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
