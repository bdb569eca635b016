import io

import pytest
from rich.console import Console

from stemdist_ray.errors import ConfigError
from stemdist_ray.train_jobs import TrainFile, run_train
from stemdist_ray.yaml_files import read_yaml
from tests.conftest import ROOT


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


def test_prints_where_the_model_is(tmp_path):
    console = Console(file=io.StringIO(), width=200)
    result = run_train(job(tmp_path / "run"), console)
    text = console.file.getvalue()
    assert f"wrote {result.path / 'model'}" in text
    assert "next: mlflow models serve -m models:/mine/1" in text
    assert run_train(job(tmp_path / "run"), console).model_uri == "models:/mine/2"


def test_all_problems_of_a_file_are_reported():
    with pytest.raises(ConfigError) as caught:
        TrainFile.parse({"out": "x", "config": {"training": {"epochs": 0}}, "colour": 1})
    for part in ("source: Field required", "config.training.epochs", "colour: unknown setting"):
        assert part in str(caught.value)


def test_shipped_file_is_valid():
    assert TrainFile.parse(read_yaml(ROOT / "jobs" / "configs" / "train.yaml")).register_as
