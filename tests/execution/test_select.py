from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.select import open_executor
from stemdist_ray.execution.serial import SerialExecutor


def test_no_workers_means_no_ray():
    with open_executor("data", WorkerConfig(num_workers=0), 3) as executor:
        assert isinstance(executor, SerialExecutor)


def test_one_that_is_open_takes_the_data_and_stays_open():
    given = SerialExecutor("old")
    with open_executor("new", WorkerConfig(num_workers=2), 3, given) as executor:
        assert executor is given
        assert given.data == "new"
