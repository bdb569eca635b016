import dataclasses
import logging

import numpy as np
import pytest
import ray
import torch

from stemdist_ray.config import ForecasterConfig, WorkerConfig
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.errors import DivergenceError, ExecutionError
from stemdist_ray.execution.ledger import UNKNOWN_GPU, Ledger, Place
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.execution.workers import Member, Sign
from stemdist_ray.forecasters import FORECASTERS, Forecaster
from stemdist_ray.forecasters.closed_form import fit_base as module

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


def tasks_of(make_task, count=5):
    return [make_task(locations=(i, i + 1, i + 2), seed=i) for i in range(count)]


def assert_equal(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert one.objectives == other.objectives
        for name, array in one.state.arrays().items():
            np.testing.assert_array_equal(array, getattr(other.state, name))


@pytest.mark.slow  # whole distillations and evaluations show the same
def test_one_and_three_workers_equal_serial(clustered, make_task):
    tasks = tasks_of(make_task)
    serial = SerialExecutor(clustered).run(run_shard, tasks, lambda update: None)
    for workers in (1, 3):
        told = []
        with RayExecutor(clustered, WorkerConfig(num_workers=workers), 5) as executor:
            assert_equal(executor.run(run_shard, tasks, told.append), serial)
            assert executor.standing is None
            (record,) = executor.ledger.since(Ledger())
        assert len(told) == 5
        assert (record.kind, record.tasks) == ("distillation.shard.run_shard", 5)
        assert (record.attempts, [p.tasks for p in record.workers]) == (5, [5])
        assert 0 < record.seconds < 60


def test_errors_of_a_task_keep_their_type_and_the_pool_its_workers(clustered, make_task):
    bad = make_task(objective="unrolled")
    bad.state.x[:] = np.inf
    with RayExecutor(clustered, WorkerConfig(num_workers=1), 1) as executor:
        with pytest.raises(DivergenceError, match="test shard"):
            executor.run(run_shard, [bad], lambda update: None)
        good = executor.run(run_shard, [make_task()], lambda update: None)
    assert len(good) == 1


@dataclasses.dataclass(frozen=True)
class Say:
    """A task that says a word after a while; "raise" raises at once."""

    name: str
    seconds: float = 0.0


@pytest.mark.slow
def test_after_an_error_no_task_takes_the_result_of_another(local_ray):
    """A task that was running when another one failed ends during the next run."""

    def say(data, task):
        import time

        time.sleep(task.seconds)
        if task.name == "raise":
            raise DivergenceError("as asked")
        return task.name

    with RayExecutor("data", WorkerConfig(num_workers=2), 2) as executor:
        executor.wait_for_all()
        with pytest.raises(DivergenceError, match="as asked"):
            executor.run(say, [Say("old", 1.0), Say("raise")], lambda word: None)
        told = []
        words = executor.run(say, [Say("new0", 2.0), Say("new1"), Say("new2")], told.append)
        assert words == ["new0", "new1", "new2"]
        assert sorted(told) == ["new0", "new1", "new2"]
        assert len(executor.pool.members) == 2
        assert executor.run(say, [Say("a"), Say("b")], lambda word: None) == ["a", "b"]


def test_workers_know_the_users_forecasters(clustered, make_task, monkeypatch):
    class Flat(Forecaster):
        def __init__(self, shape, options):
            super().__init__(shape)
            self.line = torch.nn.Linear(shape.lookback, shape.horizon)

        def encode(self, mean_window):
            return None

        def predict(self, x, state):
            return self.line(x[..., 0].transpose(1, 2)).transpose(1, 2)

    monkeypatch.setitem(FORECASTERS._entries, "flat", Flat)
    task = dataclasses.replace(make_task(), forecaster=ForecasterConfig(name="flat"))
    serial = SerialExecutor(clustered).run(run_shard, [task], lambda update: None)
    with RayExecutor(clustered, WorkerConfig(num_workers=1), 1) as executor:
        assert_equal(executor.run(run_shard, [task], lambda update: None), serial)


def test_a_worker_that_cannot_be_placed_is_reported(clustered):
    config = WorkerConfig(num_workers=1, num_cpus=1000, start_timeout=1000)
    with (
        pytest.raises(
            ExecutionError, match=r"be placed: each wants 1000 CPU and 0 GPU, the cluster has 4 CPU"
        ),
        RayExecutor(clustered, config, 1),
    ):
        pass


def test_unset_number_of_workers_takes_what_fits(clustered):
    with RayExecutor(clustered, WorkerConfig(), 2) as executor:
        assert len(executor.pool.members) == 2


def shared_sum(data, task):
    return float(data.sum())


def test_tasks_read_what_was_shared_last(make_task):
    tasks = tasks_of(make_task, 3)
    with RayExecutor(np.ones(2), WorkerConfig(num_workers=2), 3) as executor:
        assert executor.run(shared_sum, tasks, lambda result: None) == [2.0] * 3
        executor.share(np.ones(5))
        assert executor.run(shared_sum, tasks, lambda result: None) == [5.0] * 3


def test_what_workers_log_is_said_here_and_once(caplog):
    def complain(data, task):
        import logging
        import warnings

        logging.getLogger("stemdist_ray.anywhere").info("%s was begun", task.name)
        logging.getLogger("another").info("not of interest")
        warnings.warn("beware of this", RuntimeWarning, stacklevel=1)
        return task.name

    with (
        caplog.at_level(logging.INFO, logger="stemdist_ray"),
        RayExecutor(None, WorkerConfig(num_workers=1), 1, "mine") as executor,
    ):
        executor.run(complain, [Say("a"), Say("b")], lambda result: None)
        assert executor.run_label.startswith("mine-")
        actor = f"stemdist {executor.run_label} worker 1"
        assert ray.get_actor(actor) is not None
    told = [record for record in caplog.record_tuples if "worker 1 on " in record[2]]
    assert [(name, level) for name, level, _ in told] == [
        ("stemdist_ray.anywhere", logging.INFO),
        ("py.warnings", logging.WARNING),
        ("stemdist_ray.anywhere", logging.INFO),
    ]
    assert told[0][2].endswith(": a was begun")
    assert told[1][2].endswith("RuntimeWarning: beware of this")


@pytest.mark.parametrize("mixed", [False, True])
def test_gpus_of_several_kinds_are_refused(mixed):
    executor = RayExecutor(None, WorkerConfig(num_gpus=1.0, mixed_gpus=mixed), 3)
    for number, device in enumerate(["H100", "H100", UNKNOWN_GPU]):
        member = Member(None, f"worker {number}")
        member.heard(Sign(number, Place("a", device)))
        executor.pool.members.append(member)
    executor._check_devices()
    member.heard(Sign(2, Place("b", "A100")))
    if mixed:
        executor._check_devices()
        return
    with pytest.raises(ExecutionError, match=r"several kinds \(A100, H100\)"):
        executor._check_devices()


def test_a_base_fitted_on_workers_is_that_of_one_process(seasonal, fitted, monkeypatch):
    monkeypatch.setattr(module, "_FEW_ROWS", 0)
    with RayExecutor(None, WorkerConfig(num_workers=2), 8) as executor:
        found = module.fit_base(seasonal, "seasonal_linear", 0, executor)
    assert found.choice == fitted.choice
    for part, weights in fitted.model.weights.items():
        np.testing.assert_array_equal(found.model.weights[part], weights)
