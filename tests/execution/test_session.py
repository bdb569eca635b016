import os

import pytest
import ray
import torch

from stemdist_ray.execution.session import ray_session, register_all, registered_by_user
from stemdist_ray.forecasters import FORECASTERS


class Theirs(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()

    def forward(self, x, mean_window):
        return x[..., 0]


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_ray_that_runs_already_is_used_and_left_running():
    with ray_session("ray://nowhere:1", 1, 1.0):
        assert ray.is_initialized()
    assert ray.is_initialized()
    assert "RAY_ADDRESS" not in os.environ


def test_only_the_users_forecasters_travel(monkeypatch):
    monkeypatch.setattr(FORECASTERS, "_entries", FORECASTERS.loaded())
    before = registered_by_user()
    FORECASTERS.register("theirs")(Theirs)
    own = registered_by_user()
    assert set(own) - set(before) == {"theirs"}
    del FORECASTERS._entries["theirs"]
    register_all(own)
    assert "theirs" in FORECASTERS
