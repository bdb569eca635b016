import math

import pytest

from stemdist_ray.config import DistillConfig, Section, build_config, flatten, with_settings
from stemdist_ray.errors import ConfigError


def sections(config):
    yield config
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            yield from sections(value)


def test_split_must_add_up():
    with pytest.raises(ConfigError, match="add up to 1"):
        build_config("standard", {"data": {"split": [0.5, 0.2, 0.2]}})


def test_low_precision_only_where_second_order_gradients_survive_it():
    layer = {"forecaster": {"precision": "bfloat16"}}
    assert build_config("standard", layer).forecaster.precision == "bfloat16"
    with pytest.raises(ConfigError, match="bfloat16 goes with matching.objective unrolled"):
        build_config("paper", layer)


def test_readings_that_mean_missing_are_finite():
    with pytest.raises(ConfigError, match="data.missing_values.1: Input should be a finite"):
        build_config("standard", {"data": {"missing_values": [0, math.nan]}})


def test_every_setting_is_described():
    for section in sections(DistillConfig()):
        for name, field in type(section).model_fields.items():
            assert field.description or isinstance(getattr(section, name), Section), name


def test_digest_ignores_who_does_the_work_but_not_what():
    base = build_config()
    workers = build_config("standard", {"worker": {"num_workers": 7}, "rounds": 99})
    assert base.algorithm_digest() == workers.algorithm_digest()
    for change in ({"seed": 1}, {"num_shards": 2}, {"worker": {"threads": 2}}):
        assert build_config("standard", change).algorithm_digest() != base.algorithm_digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rounds", 99),
        ("validation.patience", 3),
        ("evaluation.epochs", 7),
        ("evaluation.subsets", 7),
        ("tracking.experiment", "other"),
        ("data.locations_file", "places.csv"),
        ("license", "cc-by-4.0"),
        ("streaming", True),
        ("worker.num_workers", 7),
        ("worker.num_cpus", 2.0),
        ("worker.num_gpus", 1.0),
        ("worker.max_attempts", 7),
        ("worker.start_timeout", 7.0),
        ("worker.task_timeout", 7.0),
        ("worker.heartbeat_timeout", 7.0),
        ("worker.memory", "2GiB"),
        ("worker.address", "there"),
    ],
)
def test_what_does_not_decide_the_result(name, value):
    changed, base = build_config("standard", with_settings({}, [(name, value)])), build_config()
    assert name not in base.deciding()
    assert changed.deciding() == base.deciding()
    assert changed.algorithm_digest() == base.algorithm_digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("num_shards", 2),
        ("data.target", 1),
        ("forecaster.name", "mtgnn"),
        ("forecaster.options.channels", 8),
        ("base", "ridge"),
        ("budget", 0.01),
        ("teacher.subsets", 2),
        ("teacher.members", 3),
        ("teacher.forecasters", ["dlinear"]),
        ("matching.locations", "centroid"),
        ("matching.init", "even"),
        ("data.season", 24),
        ("data.read.key", "df"),
        ("data.read.select.level", 850),
        ("validation.every", 1),
        ("validation.subsets", 2),
        ("worker.threads", 2),
        ("worker.coordinator_threads", 1),
    ],
)
def test_what_decides_the_result(name, value):
    changed, base = build_config("standard", with_settings({}, [(name, value)])), build_config()
    assert changed.deciding()[name] == value
    assert changed.algorithm_digest() != base.algorithm_digest()


def test_every_setting_decides_or_is_known_not_to():
    given = {
        "forecaster": {"options": {"channels": 8}},
        "method_options": {"a": 1},
        "data": {"read": {"select": {"level": 1}}},
    }
    config = build_config("standard", given)
    settings = set(flatten(config.model_dump(mode="json")))
    left_out = settings - set(config.deciding())
    kept_of_worker = {"worker.threads", "worker.coordinator_threads"}
    assert left_out == {
        *("rounds", "streaming", "validation.patience", "license"),
        *("data.locations_file", "data.memory_budget"),
    } | {
        name
        for name in settings - kept_of_worker
        if name.split(".")[0] in ("evaluation", "tracking", "worker")
    }


@pytest.mark.parametrize("name", ["threads", "coordinator_threads"])
def test_threads_that_no_machine_has(name):
    with pytest.raises(ConfigError, match=f"worker.{name}.*1024"):
        build_config("standard", {"worker": {name: 100_000}})


@pytest.mark.parametrize("license", ["cc-by-4.0", "odc-by", "https://data.example/licence", None])
def test_licences(license):
    assert build_config("standard", {"license": license}).license == license


@pytest.mark.parametrize("license", ["", "CC BY", "a\nb", "ftp://x", "https://a b"])
def test_what_is_no_licence(license):
    with pytest.raises(ConfigError, match="license"):
        build_config("standard", {"license": license})
