import numpy as np

from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.execution.ledger import Ledger
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import Standing


def test_updates_come_in_task_order(clustered, make_task):
    tasks = [make_task(locations=(0, 1), seed=1), make_task(locations=(2, 3), seed=2)]
    told = []
    with SerialExecutor(clustered) as executor:
        updates = executor.run(run_shard, tasks, told.append)
    assert told == updates
    for task, update in zip(tasks, updates, strict=True):
        np.testing.assert_array_equal(task.locations, update.locations)


def test_tasks_read_what_was_shared_last():
    executor = SerialExecutor("a")
    assert executor.run(lambda data, task: data * task, [2], lambda result: None) == ["aa"]
    executor.share("b")
    assert executor.run(lambda data, task: data * task, [3], lambda result: None) == ["bbb"]


def nothing(data, task):
    return data.append((task, executor_of[0].standing))


executor_of = []


def test_it_tells_how_far_it_is_and_who_ran_what():
    seen = []
    executor = SerialExecutor(seen)
    executor_of[:] = [executor]
    executor.run(nothing, ["a", "b"], lambda result: None)
    assert seen == [("a", Standing(0, 1, 2)), ("b", Standing(1, 1, 2))]
    assert executor.standing is None
    (record,) = executor.ledger.since(Ledger())
    assert record.kind.endswith("test_serial.nothing")
    assert (record.tasks, record.attempts) == (2, 2)
    assert [place.device for place in record.workers] == ["cpu"]
