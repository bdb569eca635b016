import numpy as np
import pytest

from stemdist_ray.baselines import Material
from stemdist_ray.clustering.kmeans import cluster_locations, location_vectors
from stemdist_ray.comparison.compare import Comparison
from stemdist_ray.progress import SilentReporter
from tests.evaluation.conftest import prepared

__all__ = ["prepared"]


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
