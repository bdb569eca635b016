import json

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, TrainConfig, TrainedForecaster, train_forecaster
from stemdist_ray.errors import ArtifactError, ConfigError, ExecutionError


def config(**more):
    tree = {
        "data": {"lookback": 6, "horizon": 4},
        "forecaster": {"name": "dlinear", "options": {"kernel": 3}},
        "training": {"epochs": 3, "learning_rate": 0.01},
        "worker": {"num_workers": 0},
        "tracking": {"enabled": False},
    }
    return TrainConfig.model_validate({**tree, **more})


def test_on_all_windows(traffic, tmp_path):
    result = train_forecaster(traffic, tmp_path / "run", config())
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["test"]["relative_rmse"]["mean"] == pytest.approx(result.test.relative_rmse)
    assert record["best_epoch"] == result.best_epoch
    again = TrainedForecaster.load(tmp_path / "run" / "model")
    recent = traffic.values[-6:]
    np.testing.assert_array_equal(again.forecast(recent), result.forecaster.forecast(recent))
    assert result.validation == min(error for _, error in result.history)


def test_on_distilled_data(artifact, traffic, tmp_path):
    data = SyntheticDataset.load(artifact)
    result = train_forecaster(traffic, tmp_path / "run", config(), distilled=artifact)
    shape = result.forecaster.model.shape
    assert shape.lookback == data.config.data.lookback
    assert len(result.forecaster.location_ids) == traffic.num_locations
    with pytest.raises(ConfigError, match="locations that are not those"):
        other = traffic.with_changes(location_ids=(*traffic.location_ids[:-1], "elsewhere"))
        train_forecaster(other, tmp_path / "other", config(), distilled=artifact)
    assert not (tmp_path / "other").exists()


def test_resume_needs_the_same_folder_and_goes_on(traffic, tmp_path):
    with pytest.raises(ArtifactError, match="no training to resume"):
        train_forecaster(traffic, tmp_path / "run", config(), resume=True)
    train_forecaster(traffic, tmp_path / "run", config())
    with pytest.raises(ArtifactError, match="holds files already"):
        train_forecaster(traffic, tmp_path / "run", config())
    longer = config(training={"epochs": 5, "learning_rate": 0.01})
    resumed = train_forecaster(traffic, tmp_path / "run", longer, resume=True)
    whole = train_forecaster(traffic, tmp_path / "whole", longer)
    assert resumed.history == whole.history
    assert resumed.test == whole.test
    train_forecaster(traffic, tmp_path / "run", config(), overwrite=True)
    assert (tmp_path / "run.previous" / "training.json").exists()


def test_resume_refuses_another_forecaster(traffic, tmp_path):
    train_forecaster(traffic, tmp_path / "run", config())
    other = config(forecaster={"name": "stid"})
    with pytest.raises(ConfigError, match="written with another forecaster"):
        train_forecaster(traffic, tmp_path / "run", other, resume=True)
    with pytest.raises(ConfigError, match="seed, data or"):
        changed = traffic.with_changes(values=traffic.values + 1)
        train_forecaster(changed, tmp_path / "run", config(), resume=True)


def test_registering_needs_tracking(traffic, tmp_path):
    with pytest.raises(ExecutionError, match="turn tracking on"):
        train_forecaster(traffic, tmp_path / "run", config(), register_as="x")
