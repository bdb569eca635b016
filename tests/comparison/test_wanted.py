import pytest

from stemdist_ray.comparison.wanted import check_rows, wanted_rows
from stemdist_ray.config import EvaluationConfig
from stemdist_ray.errors import ConfigError, DependencyError
from stemdist_ray.system import dependencies


def names(full_data=False, **settings):
    return [row.name for row in wanted_rows(full_data, EvaluationConfig(**settings))]


def test_what_takes_long_is_there_where_it_is_asked_for():
    usual = names()
    assert usual[0] == "distilled"
    assert not {"full_data", "st_prune"} & {*usual}
    assert names(full_data=True) == [*usual, "full_data"]
    assert names(more_rows=("st_prune",)) == [*usual, "st_prune"]
    assert names(True, more_rows=("st_prune", "full_data")) == [*usual, "st_prune", "full_data"]


def test_rows_that_are_not_there_are_named(monkeypatch):
    check_rows(EvaluationConfig(more_rows=("st_prune",)))
    with pytest.raises(ConfigError, match="unknown all; expected some of: st_prune, full_data"):
        check_rows(EvaluationConfig(more_rows=("all",)))
    with pytest.raises(ConfigError, match="unknown zero-shot forecaster 'magic'"):
        check_rows(EvaluationConfig(zero_shot="magic"))
    monkeypatch.setattr(dependencies, "is_installed", lambda module: False)
    with pytest.raises(DependencyError, match="needs fracast"):
        check_rows(EvaluationConfig(zero_shot="fracast"))
