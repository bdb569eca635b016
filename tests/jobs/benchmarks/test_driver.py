import numpy as np
import pytest

from jobs.benchmarks.driver import Weighing, pickled_bytes
from stemdist_ray.execution.serial import SerialExecutor
from tests.jobs.benchmarks.fresh import printed


def double(data, task):
    return data + task


def test_what_passes_through_is_weighed():
    executor, big = Weighing(SerialExecutor()), np.zeros(1000)
    executor.share(big)
    assert executor.run(double, [big, big], lambda found: None)[1].shape == (1000,)
    for weight, count in ((executor.shared, 1), (executor.tasks, 2), (executor.results, 2)):
        assert 8000 * count < weight < 8500 * count
    assert pickled_bytes(big[::2]) < 4500


SMALL = """
import json
from jobs.benchmarks.driver import DriverCase, run_driver
from stemdist_ray.progress import SilentReporter
from tests.conftest import TINY

if __name__ == "__main__":
    case = DriverCase("sim:traffic?locations=20,steps=300", {**TINY, "rounds": 1}, workers=1)
    found = run_driver(case, False, SilentReporter())
    print(json.dumps([[r.job, r.share, r.driver_seconds, r.shared_mib, r.tasks_mib, r.results_mib]
                      for r in found]))
"""


@pytest.mark.ray
@pytest.mark.slow  # a cluster of its own, in a process of its own
def test_a_small_run():
    rows = printed(SMALL)
    assert [row[0] for row in rows] == ["distill", "evaluate"]
    for _, share, *others in rows:
        assert 0 < share < 1
        assert min(others) > 0
