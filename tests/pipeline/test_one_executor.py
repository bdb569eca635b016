"""Several jobs in a row on one executor that is given to them."""

import numpy as np

from stemdist_ray import SyntheticDataset, distill, evaluate
from stemdist_ray.execution.serial import SerialExecutor


class Counting(SerialExecutor):
    def __init__(self):
        super().__init__()
        self.tasks, self.closed = 0, False

    def __exit__(self, *unused):
        self.closed = True

    def run(self, function, tasks, on_done):
        self.tasks += len(tasks)
        return super().run(function, tasks, on_done)


def test_jobs_in_a_row(artifact, traffic, tiny_config, tmp_path):
    executor = Counting()
    # Were it not used, this many workers would be waited for in vain.
    workers = tiny_config.worker.model_copy(update={"num_workers": 64, "start_timeout": 1.0})
    config = tiny_config.model_copy(update={"worker": workers})
    result = distill(traffic, tmp_path / "run", config, executor=executor)
    distilled = executor.tasks
    assert distilled > 0
    whole = SyntheticDataset.load(artifact)
    np.testing.assert_array_equal(result.dataset.x, whole.x)
    np.testing.assert_array_equal(result.dataset.y, whole.y)
    table = evaluate(tmp_path / "run", traffic, config, executor=executor)
    assert executor.tasks > distilled
    assert table.distilled.test == evaluate(artifact, traffic).distilled.test
    assert not executor.closed
