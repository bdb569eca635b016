import json

import numpy as np
import pytest
import torch

from stemdist_ray.artifact.trained import TrainedForecaster
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.errors import ArtifactError, DataError
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster


@pytest.fixture
def trained(rng):
    torch.manual_seed(0)
    config = ForecasterConfig(name="dlinear", options={"kernel_size": 3})
    model = build_forecaster(config, WindowShape(6, 4, 2, target=1)).eval()
    return TrainedForecaster(
        model=model,
        config=config,
        scaler=Scaler((10.0, 100.0), (2.0, 20.0)),
        mean_window=rng.normal(size=(5, 6, 2)).astype(np.float32),
        location_ids=tuple("abcde"),
        feature_names=("speed", "flow"),
        unit="veh/h",
    )


def readings(rng, *front):
    return rng.normal(size=(*front, 6, 5, 2)) * [2, 20] + [10, 100]


def test_forecasts_are_in_original_units(trained, rng):
    recent = readings(rng)
    scaled = torch.tensor((recent - [10, 100]) / [2, 20], dtype=torch.float32)
    expected = trained.model(scaled[None], torch.tensor(trained.mean_window))[0] * 20 + 100
    out = trained.forecast(recent)
    assert out.shape == (4, 5)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-5)


def test_several_windows_at_once(trained, rng):
    recent = readings(rng, 3)
    out = trained.forecast(recent)
    assert out.shape == (3, 4, 5)
    np.testing.assert_allclose(out[1], trained.forecast(recent[1]), rtol=1e-5)


def test_missing_readings_count_as_the_train_mean(trained, rng):
    recent = readings(rng)
    filled = recent.copy()
    recent[2, 3, 1], filled[2, 3, 1] = np.nan, 100
    np.testing.assert_array_equal(trained.forecast(recent), trained.forecast(filled))


def test_other_shapes_are_refused(trained):
    with pytest.raises(DataError, match=r"shape \(6, 4, 2\); expected .* = \(6, 5, 2\)"):
        trained.forecast(np.zeros((6, 4, 2)))
    with pytest.raises(DataError, match="expected"):
        trained.forecast(np.zeros((6, 5)))


def test_one_feature_needs_no_axis(trained, rng):
    config = ForecasterConfig(name="dlinear")
    model = build_forecaster(config, WindowShape(6, 4, 1)).eval()
    one = TrainedForecaster(
        model,
        config,
        Scaler((1.0,), (2.0,)),
        trained.mean_window[..., :1],
        tuple("abcde"),
        ("x",),
        "",
    )
    recent = rng.normal(size=(6, 5))
    np.testing.assert_array_equal(one.forecast(recent), one.forecast(recent[..., None]))


def test_round_trip(trained, rng, tmp_path):
    trained.save(tmp_path / "model")
    again = TrainedForecaster.load(tmp_path / "model")
    recent = readings(rng)
    np.testing.assert_array_equal(again.forecast(recent), trained.forecast(recent))
    assert again.location_ids == trained.location_ids
    assert again.feature_names == trained.feature_names
    assert again.unit == "veh/h"


def test_damage_is_reported(trained, tmp_path):
    with pytest.raises(ArtifactError, match="not a trained forecaster"):
        TrainedForecaster.load(tmp_path)
    trained.save(tmp_path / "model")
    (tmp_path / "model" / "weights.pt").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="train again"):
        TrainedForecaster.load(tmp_path / "model")


def test_weights_of_the_first_release_are_read(rng, tmp_path):
    """Parts of the names of weights, and options, were other ones."""
    config = ForecasterConfig(name="stnorm", options={"kernel_size": 3})
    model = build_forecaster(config, WindowShape(6, 4, 1)).eval()
    mean_window = rng.normal(size=(5, 6, 1)).astype(np.float32)
    ids = tuple("abcde")
    one = TrainedForecaster(model, config, Scaler((1.0,), (2.0,)), mean_window, ids, ("x",), "")
    one.save(tmp_path / "model")
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    del about["version"]
    about["forecaster"]["options"] = {"taps": 3}
    (tmp_path / "model" / "model.json").write_text(json.dumps(about))
    old = {
        name.replace("input_projection", "enter").replace("output_projection", "leave"): value
        for name, value in model.state_dict().items()
    }
    assert set(old) != set(model.state_dict())
    torch.save(old, tmp_path / "model" / "weights.pt")
    recent = rng.normal(size=(6, 5))
    again = TrainedForecaster.load(tmp_path / "model")
    np.testing.assert_array_equal(again.forecast(recent), one.forecast(recent))
