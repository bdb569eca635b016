import pytest

from stemdist_ray.config import DistillConfig, MatchingConfig, build_config
from stemdist_ray.errors import ConfigError


def test_the_preset_paper_matches_gradients_alone():
    paper = build_config("paper")
    assert paper.matching.objective == "gradient"
    assert paper.matching.steps == 20  # the paper's number
    assert paper.matching != MatchingConfig()


def test_sizes_are_read_with_their_units():
    layer = {"matching": {"memory_budget": "3GiB"}}
    assert build_config("standard", layer).matching.memory_budget == 3 * 2**30


@pytest.mark.parametrize("name", ["steps", "subsets", "unroll_steps", "real_batch"])
def test_counts_are_at_least_one(name):
    with pytest.raises(ConfigError, match=f"matching.{name}: Input should be greater than"):
        build_config("standard", {"matching": {name: 0}})


def test_refining_may_be_left_out():
    assert DistillConfig().refine.steps > 0
    assert build_config("standard", {"refine": {"steps": 0}}).refine.steps == 0
