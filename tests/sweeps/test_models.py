import csv
import json

import pytest

from stemdist_ray.artifact.trained import TrainedForecaster
from stemdist_ray.config import build_config
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.pipeline.report_job import report
from stemdist_ray.sweeps.models import ModelSearch
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.sweep import SweepConfig, search
from tests.sweeps.conftest import MODELS, Lines

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]


def model_sweep(artifact, **models):
    return SweepConfig(
        config={"evaluation": {"epochs": 1}, "tracking": {"enabled": False}},
        search=MODELS,
        models={
            "distilled": artifact,
            "train": {"training": {"epochs": 1, "batch": 64}, "worker": {"num_workers": 0}},
            **models,
        },
    )


@pytest.mark.usefixtures("local_ray")
@pytest.mark.slow  # four trials, each in a process of its own
def test_the_winner_is_trained_on_everything(artifact, traffic, tmp_path):
    said = Lines()
    result = search(traffic, tmp_path / "run", model_sweep(artifact), reporter=said)
    assert [t.status for t in result.trials] == ["finished"] * 4
    errors = [t.metrics["error"] for t in result.front]
    assert errors == sorted(errors)
    assert result.best == result.front[0]
    winner = TrainedForecaster.load(result.path / "winner" / "model")
    assert winner.config.name == result.best.point["forecaster.name"]
    assert winner.base is None  # trials forecast alone
    assert any("training it on everything" in line for line in said.lines)
    tree = json.loads((result.path / "results.json").read_text())
    assert tree["winner"]["test_relative_rmse"] == result.trained.test.relative_rmse
    with (result.path / "trials.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    with pytest.raises(ArtifactError, match="has no report: its table is trials.csv"):
        report(result.path)
    again = search(traffic, result.path, resume=True)
    assert again.trained.test == result.trained.test


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ({"train": {"forecaster": {"name": "stid"}}}, "models.train: forecaster follow"),
        ({"train": {"training": {"learning_rate": 1.0}}}, "training.learning_rate follow"),
        ({"train": {"training": {"graph": "adj.csv"}}}, "training.graph follow"),
        ({"train": {"training": None}}, "models.train: training: expected a mapping"),
        ({"train": {"training": {"epoks": 1}}}, "models.train: training.epoks: unknown setting"),
    ],
)
def test_settings_of_the_winner_are_checked_first(artifact, traffic, tmp_path, models, words):
    with pytest.raises(ConfigError, match=words):
        search(traffic, tmp_path / "run", model_sweep(artifact, **models))
    assert not (tmp_path / "run").exists()


def test_a_data_set_that_is_none(traffic, tmp_path):
    with pytest.raises(ArtifactError, match="does not exist"):
        search(traffic, tmp_path / "run", model_sweep(tmp_path / "none"))


@pytest.mark.parametrize(("name", "graph"), [("mtgnn", "adj.csv"), ("dlinear", None)])
def test_a_winner_has_the_graph_of_the_trials(artifact, tmp_path, name, graph):
    sweep = model_sweep(artifact)
    given = {"forecaster": {"name": name}, "evaluation": {"graph": "adj.csv", "epochs": 1}}
    space = sweep.space()
    base = build_config("standard", {**space.layer, **given})
    store = SweepStore(tmp_path / "run")
    one = ModelSearch(None, None, store, sweep, space, base, Lines(), None)
    assert one._training_of(base).training.graph == graph
