import pytest

from stemdist_ray.pipeline import distill


@pytest.fixture(scope="session")
def artifact(tmp_path_factory, traffic, tiny_config):
    """A finished run of the tiny configuration."""
    return distill(traffic, tmp_path_factory.mktemp("runs") / "tiny", tiny_config).path
