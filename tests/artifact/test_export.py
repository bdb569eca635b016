import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import stemdist_ray
from stemdist_ray import SyntheticDataset, read_series
from stemdist_ray.artifact.export import export
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.source import source_format
from stemdist_ray.errors import ArtifactError, ConfigError


@pytest.fixture
def data(artifact):
    return SyntheticDataset.load(artifact)


@pytest.fixture
def weighted(data):
    """As CRAIG leaves it: windows and locations that count for how many they stand for."""
    windows = np.linspace(0.5, 1.5, len(data.x))
    places = np.linspace(1.0, 4.0, data.x.shape[2])
    return replace(data, weights=places, known=replace(data.known, weights=windows))


def windows(data):
    """Inputs and targets of all windows, original units: (W, L, K), (W, H, K)."""
    return tuple(data.scaler.inverse(part, 0) for part in (data.x[..., 0], data.y))


def test_npz(data, artifact, tmp_path):
    assert stemdist_ray.export(artifact, "npz", tmp_path / "x.npz") == tmp_path / "x.npz"
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["x"], data.x)
        np.testing.assert_array_equal(file["y"], data.y)


def test_weights_go_with_every_export(data, weighted, tmp_path):
    windows, places = weighted.known.weights, weighted.weights
    with np.load(export(weighted, "npz", tmp_path / "x.npz")) as file:
        np.testing.assert_array_equal(file["window_weights"], windows)
        np.testing.assert_array_equal(file["location_weights"], places)
    with np.load(export(data, "npz", tmp_path / "plain.npz")) as file:
        assert "window_weights" not in file
        np.testing.assert_array_equal(file["location_weights"], data.cluster_size)
    out = export(weighted, "basicts", tmp_path / "basicts")
    np.testing.assert_array_equal(np.load(out / "window_weights.npy"), windows)
    np.testing.assert_array_equal(np.load(out / "location_weights.npy"), places)
    frame = pd.read_parquet(export(weighted, "neuralforecast", tmp_path / "nf") / "train.parquet")
    found = frame["sample_weight"].to_numpy().reshape(len(windows), len(places), -1)
    expected = np.outer(windows, places / places.mean())[..., None]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-6)


def test_basicts_round_trip(data, tmp_path, caplog):
    out = export(data, "basicts", tmp_path / "x")
    assert "BasicTS has no place for time_of_day_sin, time_of_day_cos" in caplog.text
    assert source_format(out) == "basicts"
    series = read_series(out)
    x, y = windows(data)
    count, lookback, places = x.shape
    length = lookback + y.shape[1]
    again = series.values[:, :, 0].reshape(count, length, places)
    np.testing.assert_array_equal(again[:, :lookback], x)
    np.testing.assert_array_equal(again[:, lookback:], y)
    assert series.mask is None
    np.testing.assert_array_equal(np.load(out / "location_weights.npy"), data.cluster_size)


def test_every_so_manieth_sample_of_basicts_is_a_window(data, tmp_path):
    """BasicTS slides by one step; the note says which of its samples count."""
    out = export(data, "basicts", tmp_path / "x")
    about = json.loads((out / "meta.json").read_text())
    step = about["distilled"]["sample_step"]
    lookback, horizon = (about["distilled"][n] for n in ("input_steps", "output_steps"))
    train = np.load(out / "train_data.npy", allow_pickle=False)
    samples = range(0, len(train) - lookback - horizon + 1, step)
    x, y = windows(data)
    assert len(samples) == len(x)
    for number, first in enumerate(samples):
        np.testing.assert_array_equal(train[first : first + lookback], x[number])
        after = train[first + lookback : first + lookback + horizon]
        np.testing.assert_array_equal(after, y[number])
    for split in ("val", "test"):
        assert np.load(out / f"{split}_data.npy").shape == (0, train.shape[1])


def test_neuralforecast_tables(data, tmp_path):
    out = export(data, "neuralforecast", tmp_path / "x")
    frame = pd.read_parquet(out / "train.parquet")
    settings = json.loads((out / "settings.json").read_text())
    model = settings["model"]
    x, y = windows(data)
    count, lookback, places = x.shape
    length = lookback + y.shape[1]
    assert (model["input_size"], model["h"], model["step_size"]) == (lookback, length - 6, length)
    assert frame["unique_id"].nunique() == count * places
    assert frame["unique_id"].is_monotonic_increasing
    again = frame["y"].to_numpy().reshape(count, places, length)
    np.testing.assert_array_equal(again[:, :, :lookback], x.transpose(0, 2, 1))
    np.testing.assert_array_equal(again[:, :, lookback:], y.transpose(0, 2, 1))
    assert model["hist_exog_list"] == ["time_of_day_sin", "time_of_day_cos"]
    clock = frame["time_of_day_sin"].to_numpy().reshape(count, places, length)
    for place in (0, places - 1):
        np.testing.assert_array_equal(clock[:, place, :lookback], data.known.calendar[..., 0])
    weights = frame["sample_weight"].to_numpy().reshape(count, places, length)
    np.testing.assert_allclose(weights[1, :, 2] * data.cluster_size.mean(), data.cluster_size)
    assert not frame.isna().any().any()
    static = pq.read_table(out / "static.parquet")
    assert static["unique_id"].to_pylist() == frame["unique_id"].unique().tolist()
    assert static["cluster_size"].to_pylist()[:places] == data.cluster_size.tolist()


@pytest.mark.filterwarnings("default")  # those of Lightning are not ours
def test_neuralforecast_sees_the_windows_and_nothing_else(data, tmp_path, monkeypatch):
    neuralforecast = pytest.importorskip(
        "neuralforecast", reason="neuralforecast (with PyTorch Lightning) is not installed"
    )
    from neuralforecast.models import MLP

    seen = []

    class Looks(MLP):
        def training_step(self, batch, batch_idx):
            windows, *_, weights, columns = self._create_windows(batch, step="train")
            seen.extend([windows[:, :, columns.get_loc("y"), 0].numpy(), weights.flatten()])
            return super().training_step(batch, batch_idx)

    out = export(data, "neuralforecast", tmp_path / "x")
    settings = json.loads((out / "settings.json").read_text())
    model = Looks(
        **settings["model"], max_steps=1, val_check_steps=1, batch_size=10_000,
        hidden_size=8, num_layers=1,
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False,
    )  # fmt: skip
    forecasts = neuralforecast.NeuralForecast(models=[model], freq=settings["freq"])
    forecasts.fit(pd.read_parquet(out / "train.parquet"), val_size=0)
    x, y = windows(data)
    wanted = np.concatenate([x, y], axis=1).transpose(0, 2, 1).reshape(-1, x.shape[1] + y.shape[1])
    found, weights = seen[:2]
    assert weights.mean().item() == pytest.approx(1)
    order = [np.lexsort(array.T) for array in (found, wanted)]
    np.testing.assert_array_equal(found[order[0]], wanted[order[1]])


def test_several_features(data, tmp_path):
    """The target need not be the first feature."""
    manifest = data.manifest
    two = data.x.repeat(2, axis=3)
    two[..., 0] += 1
    scaler = Scaler((5.0, 7.0), (2.0, 3.0))
    changed = manifest.model_copy(
        update={
            "scaler": manifest.scaler.model_copy(update={"features": ("y", "flow")}),
            "target": manifest.target.model_copy(update={"position": 1, "name": "flow"}),
        }
    )
    other = replace(data, x=two, scaler=scaler, manifest=changed)
    frame = pd.read_parquet(export(other, "neuralforecast", tmp_path / "x") / "train.parquet")
    assert list(frame.columns)[2:4] == ["y", "sample_weight"]
    assert frame.columns[4] == "y_input"
    np.testing.assert_allclose(frame["y"][:6], data.x[0, :, 0, 0] * 3 + 7, rtol=1e-5)
    np.testing.assert_allclose(frame["y_input"][:6], (data.x[0, :, 0, 0] + 1) * 2 + 5, rtol=1e-5)
    about = json.loads((export(other, "basicts", tmp_path / "y") / "meta.json").read_text())
    assert about["distilled"]["left_out"][0] == "y"


@pytest.mark.parametrize("to", ["npz", "basicts", "neuralforecast"])
def test_what_exists_is_never_lost(data, tmp_path, to):
    out = tmp_path / "x"
    out.write_text("mine")
    with pytest.raises(ArtifactError, match="exists already; choose another `out`"):
        export(data, to, out)
    assert out.read_text() == "mine"
    export(data, to, out, overwrite=True)
    assert (tmp_path / "x.previous").read_text() == "mine"
    export(data, to, out, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 3  # the one before has its time in its name


def test_places_beside_the_data_set(artifact, data, tmp_path):
    folder = tmp_path / "run.1"
    data.save(folder)
    assert export(folder, "npz") == tmp_path / "run.1.npz"
    assert export(folder, "basicts") == tmp_path / "run.1-basicts"
    assert {p.name for p in tmp_path.iterdir()} == {"run.1", "run.1.npz", "run.1-basicts"}
    for place in (folder, tmp_path):
        with pytest.raises(ConfigError, match="where the data set is"):
            export(folder, "basicts", place, overwrite=True)
    for place in (folder / "synthetic.parquet", folder / "manifest.json"):
        with pytest.raises(ConfigError, match="part of the data set itself"):
            export(folder, "npz", place, overwrite=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="npz is one file: give its name"):
        export(folder, "npz", tmp_path / "empty")
    with pytest.raises(ConfigError, match="out is missing"):
        export(data, "npz")
    with pytest.raises(ConfigError, match="export format"):
        export(folder, "excel")
    with pytest.raises(ConfigError, match="an address"):
        export(folder, "npz", "s3://bucket/x.npz")
    with pytest.raises(ArtifactError, match="does not exist"):
        export(tmp_path / "nothing", "npz")
