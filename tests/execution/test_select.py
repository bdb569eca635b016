from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.select import open_executor
from stemdist_ray.execution.serial import SerialExecutor


def test_no_workers_means_no_ray():
    with open_executor("data", WorkerConfig(num_workers=0), 3) as executor:
        assert isinstance(executor, SerialExecutor)
