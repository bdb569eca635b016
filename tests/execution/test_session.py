import os
import subprocess

import pytest
import ray
import torch

from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution import session as module
from stemdist_ray.execution.session import (
    ask_for,
    ray_session,
    register_all,
    registered_by_user,
    start_local_ray,
)
from stemdist_ray.forecasters import FORECASTERS


class Theirs(torch.nn.Module):
    def __init__(self, shape):
        super().__init__()

    def forward(self, x, mean_window):
        return x[..., 0]


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_ray_that_runs_already_is_used_and_left_running():
    with ray_session("ray://nowhere:1", 1, 1.0) as joined:
        assert ray.is_initialized()
        assert not joined  # this process has started it: no machine will come
    assert ray.is_initialized()
    assert "RAY_ADDRESS" not in os.environ


TOO_SLOW = "The current node timed out during startup. This could happen because"


@pytest.mark.parametrize("failures", [0, 2])
def test_a_ray_that_did_not_start_in_time_is_started_again(monkeypatch, failures):
    tries = []

    def init(**options):
        tries.append(options)
        if len(tries) <= failures:
            raise Exception(TOO_SLOW)  # as Ray does

    monkeypatch.setattr(ray, "init", init)
    start_local_ray(3, log_to_driver=False)
    assert len(tries) == failures + 1
    assert tries[-1]["num_cpus"] == 3
    assert tries[-1]["log_to_driver"] is False


def test_a_machine_on_which_ray_never_starts_is_said(monkeypatch):
    left_running = []

    def init(**options):
        left_running.append(subprocess.Popen(["sleep", "60"]))
        raise Exception(TOO_SLOW)

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ExecutionError, match="did not start on this machine in 3 tries"):
        start_local_ray(1)
    assert [process.returncode for process in left_running] == [-9, -9, -9]


def test_other_failures_of_ray_are_not_tried_again(monkeypatch):
    def init(**options):
        raise ValueError("num_cpus must not be negative")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ValueError, match="negative"):
        start_local_ray(-1)


def test_only_the_users_forecasters_travel(monkeypatch):
    monkeypatch.setattr(FORECASTERS, "_entries", FORECASTERS.loaded())
    before = registered_by_user()
    FORECASTERS.register("theirs")(Theirs)
    own = registered_by_user()
    assert set(own) - set(before) == {"theirs"}
    del FORECASTERS._entries["theirs"]
    register_all(own)
    assert "theirs" in FORECASTERS


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_cluster_that_was_joined_may_grow_but_not_what_a_trial_has(monkeypatch):
    monkeypatch.setattr(module, "_started_here", lambda: False)
    with ray_session(None, 1, 1.0) as joined:
        assert joined
    group = ray.util.placement_group([{"CPU": 0.5}])
    ray.get(group.ready(), timeout=60)
    monkeypatch.setattr(ray.util, "get_current_placement_group", lambda: group)
    with ray_session(None, 1, 1.0) as joined:
        assert not joined
    ray.util.remove_placement_group(group)


@pytest.mark.ray
@pytest.mark.usefixtures("local_ray")
def test_a_cluster_is_asked_for_room():
    from ray.autoscaler._private.constants import AUTOSCALER_RESOURCE_REQUEST_CHANNEL
    from ray.experimental.internal_kv import _internal_kv_get

    ask_for([{"CPU": 1.0, "GPU": 0.5}] * 2)
    asked = _internal_kv_get(AUTOSCALER_RESOURCE_REQUEST_CHANNEL)
    assert asked == b'[{"CPU": 1.0, "GPU": 0.5}, {"CPU": 1.0, "GPU": 0.5}]'
    ask_for([])
    assert _internal_kv_get(AUTOSCALER_RESOURCE_REQUEST_CHANNEL) == b"[]"


def test_a_cluster_that_cannot_be_asked_is_no_error(monkeypatch):
    def fail(bundles):
        raise RuntimeError("as asked")

    monkeypatch.setattr("ray.autoscaler.sdk.request_resources", fail)
    ask_for([{"CPU": 1.0}])
