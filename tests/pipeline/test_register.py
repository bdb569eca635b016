import pytest

from stemdist_ray.config import TrainConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.pipeline.register import check_register, register
from stemdist_ray.tracking.base_class import NullTracker


def test_nothing_is_registered_unasked(tmp_path):
    assert register(tmp_path, TrainConfig(), 0.5, NullTracker(), None) is None


def test_a_store_out_of_reach(tmp_path):
    with pytest.raises(ExecutionError, match="could not be registered as 'mine': its tracking"):
        register(tmp_path / "model", TrainConfig(), 0.5, NullTracker(), "mine")


def test_without_tracking():
    off = TrainConfig(tracking={"enabled": False})
    check_register(off, None)
    with pytest.raises(ExecutionError, match="register_as is 'mine' but tracking.enabled is false"):
        check_register(off, "mine")
