import pytest

from stemdist_ray.distillation.budget import Balance, balances, choose_balance, ordered
from stemdist_ray.distillation.start import num_clusters, num_synthetic_windows
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter


def with_budget(config, budget):
    return config.model_copy(update={"budget": budget})


def choose(config, source, teacher):
    real = real_data(source, config)
    executor = SerialExecutor(real)
    return choose_balance(config, source, teacher, executor, "cpu", SilentReporter())


def test_every_balance_spends_the_budget_and_no_more(prepared, tiny_config):
    tried = balances(with_budget(tiny_config, 0.02), prepared)
    assert len(tried) > 1
    entries = 0.02 * len(prepared.starts["train"]) * prepared.windows.num_locations
    for config in tried:
        locations = num_clusters(config, prepared)
        spent = locations * num_synthetic_windows(config, prepared)
        assert entries - locations < spent <= entries
        assert num_clusters(config, prepared) >= 4
        assert num_synthetic_windows(config, prepared) >= 4
    assert len({config.spatial_ratio for config in tried}) == len(tried)


def test_a_budget_may_be_too_small(based, tiny_config):
    with pytest.raises(ConfigError, match="budget 0.0001 leaves fewer than 4 windows"):
        balances(with_budget(tiny_config, 1e-4), based)


def test_the_balance_that_validates_best_is_taken(prepared, tiny_config):
    budgeted = with_budget(tiny_config, 0.02)
    config, found = choose(budgeted, prepared, None)
    assert len(found) == len(balances(budgeted, prepared)) > 1
    errors = [balance.error for balance in found]
    assert errors == sorted(errors)
    assert {balance.alone_error for balance in found} == {None}  # there is no base
    assert (config.spatial_ratio, config.temporal_ratio) == (
        found[0].spatial_ratio,
        found[0].temporal_ratio,
    )
    ratios = {"spatial_ratio": config.spatial_ratio, "temporal_ratio": config.temporal_ratio}
    assert config == budgeted.model_copy(update=ratios)
    assert choose(budgeted, prepared, None)[1] == found


def test_equal_balances_are_told_apart_by_networks_alone():
    """On the base both are within the noise; the third is not, whatever networks do alone."""
    first, second = Balance(0.1, 0.05, 0.5000, 0.9), Balance(0.2, 0.025, 0.5005, 0.7)
    third, last = Balance(0.5, 0.01, 0.6, 0.1), Balance(0.01, 0.5, 0.55, 0.2)
    assert ordered([first, third, second, last]) == (second, first, last, third)
    one, other = Balance(0.1, 0.05, 0.5001), Balance(0.2, 0.025, 0.5)
    assert ordered([one, other]) == (other, one)  # networks alone play no part


def test_evaluators_alone_have_no_base(based, tiny_config, teacher):
    budgeted = with_budget(tiny_config, 0.02)
    _, found = choose(budgeted, based, teacher)
    assert all(balance.alone_error > balance.error for balance in found)
    # How data are evaluated later does not decide what they are.
    tracks = budgeted.evaluation.model_copy(update={"tracks": ("with_base",)})
    assert choose(budgeted.model_copy(update={"evaluation": tracks}), based, teacher)[1] == found


def test_base_and_teacher_play_their_part(based, seasonal, tiny_config, teacher):
    budgeted = with_budget(tiny_config, 0.02)
    taught, read, alone = (
        choose(budgeted, source, by)[1][0].error
        for source, by in ((based, teacher), (based, None), (seasonal, None))
    )
    assert taught != read
    assert max(taught, read) < alone
