import io

import pytest
from rich.console import Console

from stemdist_ray import SyntheticDataset
from stemdist_ray.cli import jobs
from stemdist_ray.cli.files import JobFile
from stemdist_ray.cli.jobs import (
    DistillJob,
    EvaluateJob,
    evaluation_layer,
    run_distill,
    run_evaluate,
)
from stemdist_ray.errors import ConfigError
from tests.cli.conftest import SOURCE
from tests.conftest import TINY


def job_file(folder, **more):
    return JobFile.parse(
        {"source": SOURCE, "out": str(folder), "preset": "demo", "config": TINY, **more}
    )


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=120)


def test_distill_then_evaluate(tmp_path, console):
    job = job_file(tmp_path / "run", json_file=str(tmp_path / "e.json"))
    result = run_distill(job.distill_job(), console)
    assert result.best_round in (0, 1, 2)
    table = run_evaluate(job.evaluate_job(), console)
    assert table.distilled.test.repeats == 2
    assert (tmp_path / "e.json").exists()
    assert "stemdist ui" in console.file.getvalue()


@pytest.mark.parametrize("begun", [True, False])
def test_an_interruption_says_how_to_go_on(tmp_path, monkeypatch, console, begun):
    job = job_file(tmp_path / "a run").distill_job()

    def interrupted(source, out, *arguments, **options):
        if begun:
            (out / "checkpoint").mkdir(parents=True)
            (out / "checkpoint" / "state.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "distill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_distill(job, console)
    said = console.file.getvalue()
    command = f"stemdist distill '{SOURCE}' --out '{tmp_path}/a run' --resume"
    assert (command in said) is begun
    assert ("before the first checkpoint" in said) is not begun


@pytest.mark.parametrize("run", [run_distill, run_evaluate])
def test_results_that_would_be_lost_are_refused_before_anything_is_done(
    tmp_path, monkeypatch, console, run
):
    (tmp_path / "_ray_pkg_0").mkdir()
    monkeypatch.chdir(tmp_path / "_ray_pkg_0")
    job = job_file("runs/a")
    with pytest.raises(ConfigError, match="would be lost"):
        run(job.distill_job() if run is run_distill else job.evaluate_job(), console)
    assert list((tmp_path / "_ray_pkg_0").iterdir()) == []


def test_settings_of_an_evaluation():
    tree = {"rounds": 1, "seed": 2, "evaluation": {"epochs": 3}, "data": {"lookback": 4}}
    assert evaluation_layer(tree) == {"seed": 2, "evaluation": {"epochs": 3}}


def test_settings_that_an_evaluation_does_not_use_are_refused(folder, console):
    job = EvaluateJob(folder, SOURCE, layers=({"matching": {"steps": 3}}, {"rounds": 1}))
    with pytest.raises(ConfigError, match=r"found matching, rounds, which are those of the data"):
        run_evaluate(job, console)


def test_places_that_cannot_be_written_to_are_refused_before_anything_is_done(
    folder, console, tmp_path
):
    before = sorted(folder.rglob("*"))
    job = EvaluateJob(folder, SOURCE, json_file=tmp_path)
    with pytest.raises(ConfigError, match="a folder; give the name of a file"):
        run_evaluate(job, console)
    assert sorted(folder.rglob("*")) == before


def test_resuming_with_a_preset_that_does_not_exist(folder):
    with pytest.raises(ConfigError, match="nope"):
        DistillJob(SOURCE, folder, preset="nope", resume=True).config()
    assert DistillJob(SOURCE, folder, resume=True).config().rounds == TINY["rounds"]


class EnoughError(Exception):
    pass


@pytest.fixture
def evaluated_with(monkeypatch):
    """The settings of evaluations, which end where they would begin."""
    seen = []

    def note(folder, source, config, **options):
        seen.append(config)
        raise EnoughError

    monkeypatch.setattr(jobs, "evaluate", note)
    return seen


@pytest.mark.parametrize(
    ("layer", "name", "options"),
    [
        ({}, "stid", "the data set's"),
        ({"forecaster": {"name": "stid"}}, "stid", "the data set's"),
        ({"forecaster": {"name": "mtgnn"}}, "mtgnn", {}),
        ({"forecaster": {"name": "mtgnn", "options": {"top_k": 4}}}, "mtgnn", {"top_k": 4}),
    ],
)
def test_options_of_the_surrogate_are_for_the_surrogate(
    folder, console, evaluated_with, layer, name, options
):
    with pytest.raises(EnoughError):
        run_evaluate(EvaluateJob(folder, SOURCE, layers=(layer,)), console)
    (config,) = evaluated_with
    surrogate = SyntheticDataset.load(folder).config.forecaster
    assert config.forecaster.name == name
    expected = surrogate.options if options == "the data set's" else options
    assert config.forecaster.options == expected
    assert config.evaluation.epochs == TINY["evaluation"]["epochs"]
