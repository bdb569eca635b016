"""Registering and loading back, each in a process of its own, as users do."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from stemdist_ray import TrainConfig, train_forecaster

LOAD = """
import json, sys
import mlflow, numpy as np
uri, model, readings = sys.argv[1:]
mlflow.set_tracking_uri(uri)
loaded = mlflow.pyfunc.load_model(model)
forecast = loaded.predict(np.load(readings), params={"last_time": "2024-01-01T00:25"})
import stemdist_ray
print(json.dumps({"forecast": forecast.tolist(), "code": stemdist_ray.__file__,
                  "metadata": loaded.metadata.metadata}))
"""


@pytest.fixture(scope="module")
def result(traffic, tmp_path_factory):
    config = TrainConfig(
        data={"lookback": 6, "horizon": 4},
        forecaster={"name": "stid"},
        training={"epochs": 2},
        worker={"num_workers": 0},
    )
    folder = tmp_path_factory.mktemp("runs") / "model of mine"
    return train_forecaster(traffic, folder, config, register_as="mine")


def test_loaded_back_it_forecasts_the_same_from_code_of_its_own(result, traffic, tmp_path):
    assert result.model_uri == "models:/mine/1"
    recent = traffic.values[:6]
    np.save(tmp_path / "recent.npy", recent)
    store = f"sqlite:///{result.path.parent / 'mlflow.db'}"
    done = subprocess.run(
        [sys.executable, "-c", LOAD, store, result.model_uri, str(tmp_path / "recent.npy")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    forecast = np.array(answer["forecast"])
    assert forecast.shape == (4, traffic.num_locations)
    wanted = result.forecaster.forecast(recent, last_time=traffic.times[5])
    np.testing.assert_allclose(forecast, wanted, rtol=1e-5)
    assert "mlartifacts" in answer["code"]
    assert answer["metadata"]["forecaster"] == "stid"


def test_the_environment_is_left_as_it_was(result):
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "MLFLOW_REGISTRY_URI" not in os.environ


def test_the_run_holds_metrics_and_the_model(result):
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{result.path.parent / 'mlflow.db'}"
    client = MlflowClient(store, registry_uri=store)
    run = client.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["test.relative_rmse"] == pytest.approx(result.test.relative_rmse)
    assert run.data.params["forecaster.name"] == "stid"
    history = client.get_metric_history(result.run_id, "validation_relative_rmse")
    assert [(m.step, m.value) for m in history] == list(result.history)
    assert client.get_model_version("mine", "1").run_id == result.run_id


def test_the_same_forecaster_of_a_run_is_one_version(result, traffic):
    from mlflow.tracking import MlflowClient

    from stemdist_ray.tracking.models import _CONTENT, register_model

    store = f"sqlite:///{result.path.parent / 'mlflow.db'}"
    again = register_model(store, result.run_id, result.path / "model", "mine", {})
    assert again == result.model_uri
    # Who was stopped after the version was made and before it had its tag.
    MlflowClient(store, registry_uri=store).delete_model_version_tag("mine", "1", _CONTENT)
    assert register_model(store, result.run_id, result.path / "model", "mine", {}) == again
    other = register_model(store, result.run_id, result.path / "model", "another", {})
    assert other == "models:/another/1"


def test_warnings_without_ground_are_dropped_and_others_kept():
    from stemdist_ray.tracking.models import _without_warnings

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with _without_warnings(["type hint"]):
            warnings.warn("any type hint", UserWarning, stacklevel=1)
            warnings.simplefilter("once", UserWarning)  # as MLflow does
            warnings.warn("Add type hints", UserWarning, stacklevel=1)
            warnings.warn("the disk is full", UserWarning, stacklevel=1)
    assert [str(w.message) for w in heard] == ["the disk is full"]
