import pytest
from pydantic import ValidationError

from stemdist_ray.config import ConfigurationEntry, RankConfig


def test_defaults():
    config = RankConfig()
    assert config.track == "network_alone"
    assert config.trained_on[0] == "distilled"
    assert "equal_seconds" in config.trained_on


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trained_on": ("distilled", "distilled")}, "names one twice"),
        ({"trained_on": ("full_data",)}, "full_data is always trained"),
        ({"trained_on": ("equal_seconds",)}, "needs distilled and node_sampled"),
        ({"trained_on": ()}, "at least 1 item"),
        ({"track": "both"}, "network_alone"),
        ({"configs": ()}, "Extra inputs"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(ValidationError, match=words):
        RankConfig(**settings)


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b", "x" * 81])
def test_names_are_parts_of_file_names(name):
    with pytest.raises(ValidationError):
        ConfigurationEntry(forecaster="stid", name=name)
