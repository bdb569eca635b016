from dataclasses import dataclass

from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.select import OnDemand, open_executor
from stemdist_ray.execution.serial import SerialExecutor


def test_no_workers_means_no_ray():
    with open_executor("data", WorkerConfig(num_workers=0), 3) as executor:
        assert isinstance(executor, SerialExecutor)


def test_one_that_is_open_takes_the_data_and_stays_open():
    given = SerialExecutor("old")
    with open_executor("new", WorkerConfig(num_workers=2), 3, given) as executor:
        assert executor is given
        assert given.data == "new"


@dataclass(frozen=True)
class Adding:
    name: str
    number: int


def add(shared, task):
    return shared + task.number


class Watched(SerialExecutor):
    opened = closed = 0

    def __enter__(self):
        self.opened += 1
        return super().__enter__()

    def __exit__(self, *error):
        self.closed += 1
        super().__exit__(*error)


def test_an_executor_on_demand():
    executor = Watched()
    with OnDemand(lambda: executor) as unused:
        assert unused.standing() is None
    assert (executor.opened, executor.closed, unused.executed()) == (0, 0, ())
    executor.share(3)
    executor.run(add, [Adding("before", 1)], lambda done: None)
    with OnDemand(lambda: executor) as on_demand:
        with on_demand:
            assert on_demand() is on_demand() is executor
            assert executor.run(add, [Adding("inside", 1)], lambda done: None) == [4]
        assert (executor.opened, executor.closed) == (1, 1)
    assert (executor.opened, executor.closed) == (1, 1)
    assert sum(one.tasks for one in on_demand.executed()) == 1  # what it did before does not count
