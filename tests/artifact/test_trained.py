import dataclasses
import json

import numpy as np
import pytest
import torch

from stemdist_ray.artifact.trained import TrainedForecaster, trained_hash
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.errors import ArtifactError, DataError
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.closed_form.live import InputRule
from stemdist_ray.system.seal import write_sealed


@pytest.fixture
def trained(rng):
    torch.manual_seed(0)
    config = ForecasterConfig(name="dlinear", options={"kernel_size": 3})
    model = build_forecaster(config, WindowShape(6, 4, 2, target=1)).eval()
    return TrainedForecaster(
        model=model,
        config=config,
        rule=InputRule(6, 4, 1, 5, ("speed", "flow"), Scaler((10.0, 100.0), (2.0, 20.0))),
        mean_window=rng.normal(size=(5, 6, 2)).astype(np.float32),
        location_ids=tuple("abcde"),
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


def test_other_weights_are_another_forecaster(trained, tmp_path):
    trained.save(tmp_path / "one")
    trained.save(tmp_path / "same")
    with torch.no_grad():
        next(trained.model.parameters()).add_(1)
    trained.save(tmp_path / "other")
    one, same, other = (trained_hash(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same != other


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
        InputRule(6, 4, 0, 5, ("x",), Scaler((1.0,), (2.0,))),
        trained.mean_window[..., :1],
        tuple("abcde"),
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
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="train again"):
        TrainedForecaster.load(tmp_path / "model")


def test_weights_of_the_first_release_are_read(rng, tmp_path):
    """Parts of the names of weights, and options, were other ones."""
    config = ForecasterConfig(name="stnorm", options={"kernel_size": 3})
    model = build_forecaster(config, WindowShape(6, 4, 1)).eval()
    mean_window = rng.normal(size=(5, 6, 1)).astype(np.float32)
    ids = tuple("abcde")
    rule = InputRule(6, 4, 0, 5, ("x",), Scaler((1.0,), (2.0,)))
    one = TrainedForecaster(model, config, rule, mean_window, ids, "")
    one.save(tmp_path / "model")
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    for name in ("version", "season", "calendar", "sampling_seconds", "files", "sha256"):
        del about[name]
    for name in ("num_covariates", "residual"):
        del about["shape"][name]
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


def test_weights_of_version_4_are_read(trained, rng, tmp_path):
    """They were an archive of torch.save."""
    folder = tmp_path / "model"
    trained.save(folder)
    about = json.loads((folder / "model.json").read_text())
    torch.save(dict(trained.model.state_dict()), folder / "weights.pt")
    (folder / "weights.safetensors").unlink()
    del about["files"], about["sha256"]
    write_sealed(folder / "model.json", {**about, "version": 4}, ["weights.pt", "context.npy"])
    again, recent = TrainedForecaster.load(folder), readings(rng)
    np.testing.assert_array_equal(again.forecast(recent), trained.forecast(recent))
    (folder / "weights.pt").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="weights.pt is not as it was written"):
        TrainedForecaster.load(folder)


@pytest.fixture
def on_a_base(based, fitted, teacher):
    """A member of the teacher, served with its base."""
    return TrainedForecaster(
        model=teacher.models()[0],
        config=teacher.forecasters[0],
        rule=InputRule.of(based),
        mean_window=based.mean_window(),
        location_ids=based.location_ids,
        unit="",
        base=fitted,
    )


def of_hours(hourly, starts):
    values = np.where(hourly.mask, hourly.values, np.nan)
    return values[starts[:, None] + np.arange(6)], hourly.times[starts + 5]


def test_forecasts_are_those_of_the_evaluation(on_a_base, based, hourly, tmp_path):
    starts = np.array([310, 333, 371])
    recent, last = of_hours(hourly, starts)
    batch = based.windows.batch(starts)
    with torch.no_grad():
        added = on_a_base.model(batch.x, torch.tensor(based.mean_window()))
    assert added.abs().max() > 0
    wanted = based.scaler.inverse((added + batch.base).numpy(), 0)
    np.testing.assert_allclose(on_a_base.forecast(recent, last_time=last), wanted, rtol=1e-4)
    one = on_a_base.forecast(recent[1], last_time=str(last[1]))
    np.testing.assert_allclose(one, wanted[1], rtol=1e-4)
    on_a_base.save(tmp_path / "model")
    again = TrainedForecaster.load(tmp_path / "model")
    assert again.rule == on_a_base.rule
    np.testing.assert_array_equal(
        again.forecast(recent, last_time=last), on_a_base.forecast(recent, last_time=last)
    )


def test_time_is_needed_where_the_forecast_depends_on_it(on_a_base, trained, hourly, rng):
    recent, _ = of_hours(hourly, np.array([310]))
    with pytest.raises(DataError, match="pass last_time"):
        on_a_base.forecast(recent)
    with pytest.raises(DataError, match="pass last_time"):  # the calendar alone needs it
        dataclasses.replace(on_a_base, base=None).forecast(recent)
    assert trained.forecast(readings(rng)).shape == (4, 5)


def test_files_of_version_2_had_covariates_among_their_features(trained, rng, tmp_path):
    trained.save(tmp_path / "model")
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    for name in ("season", "calendar", "sampling_seconds", "files", "sha256"):
        del about[name]
    for name in ("num_covariates", "residual"):
        del about["shape"][name]
    (tmp_path / "model" / "model.json").write_text(json.dumps({**about, "version": 2}))
    torch.save(trained.model.state_dict(), tmp_path / "model" / "weights.pt")
    again, recent = TrainedForecaster.load(tmp_path / "model"), readings(rng)
    np.testing.assert_array_equal(again.forecast(recent), trained.forecast(recent))
    assert again.base is None
