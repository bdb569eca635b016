import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare


@pytest.fixture
def prepared(traffic):
    return prepare(traffic, DataConfig(lookback=6, horizon=4))
