import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdist_ray.training.partition import random_partition


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 1000))
def test_a_partition_covers_everything_once_and_evenly(count, parts, seed):
    pieces = random_partition(count, parts, np.random.default_rng(seed))
    assert sorted(np.concatenate(pieces).tolist()) == list(range(count))
    sizes = [len(p) for p in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    assert len(pieces) == min(parts, count)


@pytest.mark.parametrize("seed", range(3))
def test_same_seed_same_partition(seed):
    one, two = (random_partition(10, 3, np.random.default_rng(seed)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
