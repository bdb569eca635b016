import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.errors import StemdistError
from stemdist_ray.pipeline.evaluate_job import opened_comparison
from stemdist_ray.progress import SilentReporter
from stemdist_ray.sweeps import model_trial
from stemdist_ray.sweeps.config import ModelsConfig, SearchConfig
from stemdist_ray.sweeps.model_space import model_space
from stemdist_ray.sweeps.model_trial import SharedModels, train_point
from stemdist_ray.sweeps.records import SweepStore
from tests.sweeps.conftest import MODELS


@pytest.fixture
def shared(artifact, traffic, tmp_path):
    over = {"evaluation": {"epochs": 1, "repeats": 2}}
    space = model_space(ModelsConfig(distilled=artifact), SearchConfig(**MODELS), "standard", over)
    dataset = SyntheticDataset.load(artifact)
    with opened_comparison(dataset, traffic, None, SilentReporter()) as work:
        data = work.comparison.data
    return SharedModels(tmp_path, data, space, "network_alone", {})


def test_a_trial_reports_once(shared):
    said = []
    point = {"forecaster.name": "dlinear", "evaluation.learning_rate": 1e-2}
    for name in ("a", "b"):
        train_point(point, name, shared, said.append)
    assert said[0]["error"] == said[1]["error"]  # whatever a trial is called
    assert said[0]["round"] == 0
    assert said[0]["locations"] == shared.data.material.x.shape[2]
    assert 0 < said[0]["train_seconds"] <= said[0]["seconds"]
    train_point({**point, "evaluation.learning_rate": 1e-5}, "c", shared, said.append)
    assert said[2]["error"] > said[0]["error"]


def test_what_diverges_is_not_tried_twice(shared, monkeypatch):
    wild = {"evaluation.learning_rate": 1e32, "evaluation.warmup_steps": 0}
    with pytest.raises(StemdistError, match="never reached a finite"):
        train_point(wild, "a", shared, lambda metrics: None)
    assert SweepStore(shared.folder).failure("a").exists()
    monkeypatch.setattr(model_trial, "run_cell", lambda *unused: pytest.fail("tried again"))
    with pytest.raises(StemdistError, match="never reached a finite"):
        train_point(wild, "a", shared, lambda metrics: None)
