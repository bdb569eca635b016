import numpy as np
import pytest

from jobs.benchmarks.driver import DriverCase, Weighing, pickled_bytes, run_driver
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter
from tests.conftest import TINY


def double(data, task):
    return data + task


def test_what_passes_through_is_weighed():
    executor, big = Weighing(SerialExecutor()), np.zeros(1000)
    executor.share(big)
    assert executor.run(double, [big, big], lambda found: None)[1].shape == (1000,)
    for weight, count in ((executor.shared, 1), (executor.tasks, 2), (executor.results, 2)):
        assert 8000 * count < weight < 8500 * count
    assert pickled_bytes(big[::2]) < 4500


@pytest.mark.ray
@pytest.mark.slow  # a cluster of its own, in a process of its own
def test_a_small_run():
    case = DriverCase("sim:traffic?locations=20,steps=300", {**TINY, "rounds": 1}, workers=1)
    results = run_driver(case, False, SilentReporter())
    assert [result.job for result in results] == ["distill", "evaluate"]
    for result in results:
        assert min(result.driver_seconds, result.worker_seconds) > 0
        assert 0 < result.share < 1
        assert min(result.shared_mib, result.tasks_mib, result.results_mib) > 0
