import inspect

import pytest

from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import Standing


@pytest.mark.parametrize("kind", [SerialExecutor, RayExecutor])
def test_executors_are_called_alike(kind):
    wanted, own = inspect.signature(Executor.run), inspect.signature(kind.run)
    assert list(own.parameters) == list(wanted.parameters)


def test_executors_can_be_watched():
    executor = SerialExecutor()
    assert executor.standing is None
    assert executor.ledger.since(executor.ledger.copy()) == ()
    assert Standing(1, 2, 4).total == 4
    assert {"meter", "ledger", "standing"} <= set(vars(Executor))
