import numpy as np
import pytest


@pytest.fixture(scope="session")
def npz(tmp_path_factory, traffic):
    """A small series as a file."""
    path = tmp_path_factory.mktemp("npz") / "small.npz"
    np.savez(path, data=np.nan_to_num(traffic.values, nan=90.0))
    return path
