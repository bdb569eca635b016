import pickle

import numpy as np


def test_tasks_travel(make_task):
    task = make_task()
    copy = pickle.loads(pickle.dumps(task))
    np.testing.assert_array_equal(copy.state.x, task.state.x)
    assert copy.matching == task.matching
    assert copy.seed == task.seed
