import pytest

from stemdist_ray.config import build_config
from stemdist_ray.distillation.refine import is_refined, refine_matching


def test_refine_keeps_subsets_as_small_as_inside_a_shard():
    config = build_config("standard", {"num_shards": 5})
    refine = refine_matching(config)
    assert refine.subsets == 5 * config.matching.subsets
    assert refine.steps == config.refine.steps


@pytest.mark.parametrize(
    ("settings", "shards", "expected"),
    [
        ({}, 4, True),
        ({}, 1, False),  # fewer clusters than shards: there is one, and no border
        ({"num_shards": 1}, 1, False),
        ({"refine": {"steps": 0}}, 4, False),
    ],
)
def test_refining_needs_borders_and_steps(settings, shards, expected):
    assert is_refined(build_config("standard", settings), shards) is expected
