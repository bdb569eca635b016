from dataclasses import replace

import pytest

from stemdist_ray.baselines.method import sized
from stemdist_ray.baselines.size import (
    Sizes,
    all_locations,
    check_memory,
    check_windows,
    even_ratios,
)
from stemdist_ray.distillation.start import num_clusters, num_synthetic_windows
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.base_class import WindowShape


@pytest.mark.parametrize("budget", [0.0007, 0.003, 0.01, 0.2, 1.0])
def test_a_budget_is_spent_evenly_and_not_exceeded(budget):
    windows, locations = 1187, 120
    spatial, temporal = even_ratios(budget, windows, locations)
    have = round(temporal * windows), round(spatial * locations)
    assert min(have) >= 4
    spent = have[0] * have[1] / (windows * locations)
    assert spent <= budget + 1e-12
    assert spent > 0.8 * budget
    if budget > 0.01:
        assert spatial == pytest.approx(budget**0.5, rel=0.05)


def test_windows_alone():
    assert all_locations(0.01, 1187, 120) == (1.0, pytest.approx(11 / 1187))
    assert all_locations(1.0, 1187, 120) == (1.0, 1.0)


@pytest.mark.parametrize("spend", [even_ratios, all_locations])
def test_too_small_a_budget_is_refused(spend):
    with pytest.raises(ConfigError, match="expected at least 4 of each: give a larger budget"):
        spend(1e-5, 1187, 120)


def test_a_series_of_few_locations():
    assert even_ratios(0.1, 100, 2) == (1.0, 0.1)


def test_methods_get_the_ratios_of_their_kind(based, based_config):
    def ratios(name, budget, **options):
        changes = {"method": name, "rounds": 0, "budget": budget, "method_options": options}
        config = sized(based_config.model_copy(update=changes), based)
        return num_synthetic_windows(config, based), num_clusters(config, based)

    train = len(based.starts["train"])
    assert ratios("dm", 0.05) == (int(0.05 * train), 12)
    assert ratios("dm", 0.2, locations="medoids") == ratios("random", 0.2)
    assert ratios("random", 0.2)[1] == 5


def test_what_does_not_fit_is_said_before(based, based_config):
    def of(name, **changes):
        given = {"method": name, "rounds": 0, "spatial_ratio": 1.0, **changes}
        return based_config.model_copy(update=given)

    sized(of("kip"), based)
    small = based_config.matching.model_copy(update={"memory_budget": 1000})
    with pytest.raises(ConfigError, match=r"kip would need about .* at most 1000 bytes"):
        sized(of("kip", matching=small), based)
    with pytest.raises(ConfigError, match="1 of .* train windows is too few for dm"):
        sized(of("dm", temporal_ratio=0.001), based)


def test_numbers_that_memory_follows_from(based, based_config):
    sizes = Sizes.of(based_config, based)
    assert sizes.own_lags == 6 * 2
    assert sizes.real_windows == len(based.starts["train"])
    assert sizes.pass_bytes(2) == 2 * sizes.pass_bytes(1) > 0
    assert sizes.pass_bytes(10**9) == sizes.pass_bytes(sizes.real_windows)
    graph = replace(sizes, shape=WindowShape(6, 4, 3, graph=True))
    assert graph.pass_bytes(1) > 0


def test_limits():
    check_memory("m", 10, 10)
    with pytest.raises(ConfigError, match="m would need about 11 bytes; expected at most 10"):
        check_memory("m", 11, 10)
    check_windows("m", 4, 100)
    with pytest.raises(ConfigError, match="3 of 100 train windows is too few for m"):
        check_windows("m", 3, 100)
