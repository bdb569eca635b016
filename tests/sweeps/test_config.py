import pytest
from pydantic import ValidationError

from stemdist_ray.sweeps.config import RangeConfig, SearchConfig


def test_default_space_is_wide_and_logarithmic():
    space = SearchConfig().space
    assert set(space) == {"spatial_ratio", "temporal_ratio"}
    assert all(r.log == (0.002, 1.0) for r in space.values())


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({}, "exactly one of log, uniform, integer, choice"),
        ({"log": [0.1, 1], "choice": [1]}, "exactly one"),
        ({"log": [1, 0.1]}, "from a smaller to a larger number"),
        ({"choice": []}, "at least one value"),
    ],
)
def test_bad_ranges(tree, words):
    with pytest.raises(ValidationError, match=words):
        RangeConfig(**tree)


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"objectives": ["bytes"]}, "the error comes first"),
        ({"objectives": ["error", "error"]}, "different ones"),
        ({"budget": 0.1, "space": {"num_shards": {"choice": [1]}}}, "needs spatial_ratio"),
        ({"searcher": "guess"}, "searcher"),
        ({"trial": 3}, "trial"),
    ],
)
def test_bad_searches(tree, words):
    with pytest.raises(ValidationError, match=words):
        SearchConfig(**tree)
