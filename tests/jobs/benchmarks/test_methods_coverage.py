from dataclasses import replace

import numpy as np
import pytest

from jobs.benchmarks.methods_coverage import coverage
from stemdist_ray import SyntheticDataset
from stemdist_ray.data.prepared import prepare


@pytest.fixture
def both(artifact, traffic):
    dataset = SyntheticDataset.load(artifact)
    return dataset, prepare(traffic, dataset.config.data)


def test_real_windows_cover_themselves(both):
    dataset, source = both
    windows = replace(source.windows, base=None, calendar=None)
    batch = windows.batch(source.starts["train"], np.arange(windows.num_locations))
    whole = replace(dataset, x=batch.x.numpy(), y=batch.y.numpy())
    assert coverage(whole, source, 0) == pytest.approx(0, abs=1e-3)
    nothing = replace(whole, x=whole.x[:1, :, :1], y=whole.y[:1, :, :1])
    far = replace(nothing, x=nothing.x + 100, y=nothing.y + 100)
    assert coverage(whole, source, 0) < coverage(nothing, source, 0) < coverage(far, source, 0)
    assert coverage(far, source, 0) == pytest.approx(100, rel=0.1)  # per entry, in scaled units
