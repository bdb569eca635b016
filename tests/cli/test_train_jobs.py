import io
from pathlib import Path

import pytest
from rich.console import Console

from stemdist_ray.cli import train_jobs
from stemdist_ray.cli.files import TrainFile
from stemdist_ray.cli.train_jobs import run_train
from stemdist_ray.errors import ConfigError


def job(folder, **config):
    return TrainFile.parse(
        {
            "source": "sim:traffic?locations=12,steps=300,seed=3",
            "out": str(folder),
            "resume": True,
            "register_as": "mine",
            "config": {
                "forecaster": {"name": "dlinear"},
                "training": {"epochs": 1},
                "worker": {"num_workers": 0},
                **config,
            },
        }
    )


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def test_prints_where_the_model_is(tmp_path, console):
    result = run_train(job(tmp_path / "run"), console)
    text = console.file.getvalue()
    assert f"wrote {result.path / 'model'}" in text
    store = f"MLFLOW_TRACKING_URI=sqlite:///{tmp_path / 'mlflow.db'}"
    assert f"next: {store} mlflow models serve -m models:/mine/1 --env-manager local" in text
    # It had ended: the same forecaster is no second version.
    assert run_train(job(tmp_path / "run"), console).model_uri == "models:/mine/1"


@pytest.mark.parametrize("begun", [True, False])
def test_an_interruption_says_how_to_go_on(tmp_path, monkeypatch, console, begun):
    def interrupted(source, out, *arguments, **options):
        (out / "checkpoints").mkdir(parents=True)
        if begun:
            (out / "checkpoints" / "state.pt").write_text("")
        raise KeyboardInterrupt

    monkeypatch.setattr(train_jobs, "train_forecaster", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_train(job(tmp_path / "run"), console)
    said = console.file.getvalue()
    assert ("the same command and --resume goes on (in a job file, resume: true)" in said) is begun
    assert ("nothing to resume yet; the same command starts anew" in said) is not begun


def test_a_model_that_would_be_lost_is_refused(tmp_path, monkeypatch, console):
    (tmp_path / "_ray_pkg_0").mkdir()
    monkeypatch.chdir(tmp_path / "_ray_pkg_0")
    with pytest.raises(ConfigError, match="out is runs/model, a relative path"):
        run_train(job("runs/model"), console)


def test_distilled_data_that_are_not_in_the_copy_of_ray(tmp_path, monkeypatch, console):
    (tmp_path / "_ray_pkg_0").mkdir()
    monkeypatch.chdir(tmp_path / "_ray_pkg_0")
    given = job(tmp_path / "model").model_copy(update={"distilled": Path("runs/a")})
    with pytest.raises(ConfigError, match="distilled is runs/a, a relative path"):
        run_train(given, console)
    assert not (tmp_path / "model").exists()
