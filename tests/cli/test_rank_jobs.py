import pytest
from rich.console import Console

from stemdist_ray import SyntheticDataset
from stemdist_ray.cli import rank_jobs
from stemdist_ray.cli.files import RankFile
from stemdist_ray.cli.rank_jobs import ranking_config, read_configurations, run_rank
from stemdist_ray.errors import ConfigError
from tests.cli.conftest import SOURCE


def test_an_interruption_says_how_to_go_on(folder, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(rank_jobs, "rank", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_rank(RankFile(source=SOURCE, out=folder), Console(width=120))
    assert "the same command goes on after the trainings that have ended" in capsys.readouterr().out


def test_settings_of_the_data_set_under_those_of_the_ranking(folder):
    data = SyntheticDataset.load(folder)
    config = ranking_config(data, {"seed": 3, "evaluation": {"epochs": 4}})
    assert (config.seed, config.evaluation.epochs, config.evaluation.repeats) == (3, 4, 1)
    assert config.evaluation.learning_rate == data.config.evaluation.learning_rate
    for layer, words in (
        ({"matching": {"steps": 3}}, "found matching"),
        ({"evaluation": {"curve": [3]}}, r"found evaluation\.curve"),
        ({"forecaster": {"name": "stid"}}, "found forecaster"),
    ):
        with pytest.raises(ConfigError, match=words):
            ranking_config(data, layer)


def test_files_of_configurations(tmp_path):
    path = tmp_path / "c.yaml"
    assert read_configurations(None) == {}
    path.write_text("- {forecaster: stid}\n")
    assert read_configurations(path) == {"configurations": [{"forecaster": "stid"}]}
    path.write_text("grid: {forecaster: [stid]}\n")
    assert read_configurations(path) == {"grid": {"forecaster": ["stid"]}}
    for text, words in (
        ("", "found NoneType"),
        ("stid", "found text"),
        ("forecaster: stid\nwidth: 2", "found forecaster, width"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            read_configurations(path)
