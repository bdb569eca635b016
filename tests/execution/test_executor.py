import inspect

import pytest

from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.serial import SerialExecutor


@pytest.mark.parametrize("kind", [SerialExecutor, RayExecutor])
def test_executors_are_called_alike(kind):
    wanted, own = inspect.signature(Executor.run), inspect.signature(kind.run)
    assert list(own.parameters) == list(wanted.parameters)
