import numpy as np
import torch

from stemdist_ray.seeding import numpy_generator
from stemdist_ray.training.work import training_work


def windows_of(source):
    return torch.cat([step.x for step in source.epoch(numpy_generator(0, "x"))])


def test_workers_share_the_train_windows(train_config, gappy, distilled):
    for data in (None, distilled):
        work = training_work(train_config, gappy, data, "hash")
        whole = windows_of(work.data(0, 1, "cpu"))
        parts = [windows_of(work.data(rank, 3, "cpu")) for rank in range(3)]
        assert len(whole) == sum(map(len, parts))
        torch.testing.assert_close(whole.sum(), torch.cat(parts).sum(), rtol=1e-4, atol=1e-2)


def test_later_splits_do_not_travel(train_config, gappy):
    work = training_work(train_config, gappy, None, "hash")
    assert len(work.data.windows.inputs) == gappy.train_steps
    assert len(work.selection.starts) == 10
    assert len(work.selection.windows.inputs) == 10 * (6 + 4)
    np.testing.assert_array_equal(work.mean_window, gappy.mean_window())
