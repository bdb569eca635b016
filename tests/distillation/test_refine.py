import pytest

from stemdist_ray.config import build_config
from stemdist_ray.distillation.refine import is_refined, refine_matching


def test_refining_is_matching_with_fewer_steps():
    config = build_config("standard", {"refine": {"steps": 3, "inner_epochs": 2}})
    refine = refine_matching(config)
    assert (refine.steps, refine.inner_epochs) == (3, 2)
    changed = {"steps": config.matching.steps, "inner_epochs": config.matching.inner_epochs}
    assert refine.model_copy(update=changed) == config.matching


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
