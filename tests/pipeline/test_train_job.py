import json
import os
import subprocess
import sys

import numpy as np
import pytest
import zarr

from stemdist_ray import SyntheticDataset, TrainConfig, TrainedForecaster, train_forecaster
from stemdist_ray.data import streaming
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import ArtifactError, ConfigError, DataError, ExecutionError
from stemdist_ray.progress import SilentReporter


def config(**more):
    tree = {
        "data": {"lookback": 6, "horizon": 4},
        "forecaster": {"name": "dlinear", "options": {"kernel_size": 3}},
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
    recent, last = traffic.values[-6:], traffic.times[-1]
    np.testing.assert_array_equal(
        again.forecast(recent, last), result.forecaster.forecast(recent, last)
    )
    with pytest.raises(DataError, match="pass last_time"):
        again.forecast(recent)
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


def test_bases(artifact, traffic, tmp_path):
    """All data fit one of their own; distilled data bring theirs, or none is used."""
    own = train_forecaster(traffic, tmp_path / "own", config())
    assert own.forecaster.base.model.kind == "seasonal_linear"
    ridge = train_forecaster(traffic, tmp_path / "ridge", config(base="ridge"))
    assert ridge.forecaster.base.model.kind == "ridge"
    alone = train_forecaster(traffic, tmp_path / "alone", config(base="none"))
    assert alone.forecaster.base is None
    assert not alone.forecaster.model.shape.residual
    theirs = train_forecaster(traffic, tmp_path / "theirs", config(), distilled=artifact)
    choice = SyntheticDataset.load(artifact).fitted_base.choice
    assert theirs.forecaster.base.choice == choice
    without = train_forecaster(
        traffic, tmp_path / "without", config(base="none"), distilled=artifact
    )
    assert without.forecaster.base is None
    assert own.validation < alone.validation


def test_what_is_served_scores_what_was_tested(traffic, tmp_path):
    result = train_forecaster(traffic, tmp_path / "run", config())
    source = prepare_source(traffic, config().data)
    starts = source.starts["test"]
    readings = np.where(traffic.mask, traffic.values, np.nan)
    forecast = result.forecaster.forecast(
        readings[starts[:, None] + np.arange(6)], last_time=traffic.times[starts + 5]
    )
    y, seen = source.windows.targets(starts)
    error = (forecast - source.scaler.inverse(y, 0))[seen]
    assert np.sqrt(np.square(error).mean()) == pytest.approx(result.test.rmse, rel=1e-4)


def test_resume_needs_the_same_folder_and_goes_on(traffic, tmp_path):
    lines = []
    reporter = SilentReporter()
    reporter.say = lines.append
    train_forecaster(traffic, tmp_path / "run", config(), resume=True, reporter=reporter)
    assert "holds nothing to resume yet; starting from the beginning" in lines[0]
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
    with pytest.raises(ConfigError, match="forecaster.name was dlinear and is stid"):
        train_forecaster(traffic, tmp_path / "run", other, resume=True)
    with pytest.raises(ConfigError, match="readings was .* and is"):
        changed = traffic.with_changes(values=traffic.values + 1)
        train_forecaster(changed, tmp_path / "run", config(), resume=True)


def test_registering_needs_tracking(traffic, tmp_path):
    with pytest.raises(ExecutionError, match="turn tracking on"):
        train_forecaster(traffic, tmp_path / "run", config(), register_as="x")


@pytest.mark.parametrize("name", ["series.parquet", "series.zarr"])
def test_streamed_training_equals_training_in_memory(traffic, tmp_path, monkeypatch, name):
    monkeypatch.setattr(streaming, "BLOCK", 24 * 4 * 50)
    path = write_series(traffic, tmp_path / name)
    whole = train_forecaster(path, tmp_path / "whole", config())
    lines = []
    reporter = SilentReporter()
    reporter.say = lines.append
    streamed = train_forecaster(
        path, tmp_path / "streamed", config(streaming=True), reporter=reporter
    )
    assert streamed.test.relative_rmse == pytest.approx(whole.test.relative_rmse, rel=1e-5)
    for (epoch, error), (other, wanted) in zip(streamed.history, whole.history, strict=True):
        assert epoch == other
        assert error == pytest.approx(wanted, rel=1e-5)
    assert lines[0].startswith(f"streaming {path} into")
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == sorted([name, "streamed", "whole"])  # the files are gone


def test_a_series_in_memory_is_not_streamed(traffic, tmp_path):
    with pytest.raises(DataError, match="in memory already"):
        train_forecaster(traffic, tmp_path / "run", config(streaming=True))
    assert not (tmp_path / "run").exists()


LIMITED = """
import resource, sys
from stemdist_ray import TrainConfig, train_forecaster
limit = int(sys.argv[3]) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
config = TrainConfig(
    base="none",  # grouping the locations of a base holds their train split in memory
    forecaster={"name": "dlinear"},
    streaming=sys.argv[4] == "streaming",
    training={"epochs": 1, "batch": 32, "validation_windows": 8},
    worker={"num_workers": 0},
    tracking={"enabled": False},
)
train_forecaster(sys.argv[1], sys.argv[2], config)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA holds mappings on Linux only")
@pytest.mark.parametrize(("way", "fits"), [("streaming", True), ("whole", False)])
def test_a_series_larger_than_memory(tmp_path, way, fits):
    """A series of 1.5 GiB where the process may hold 1.4 GiB, libraries and model included."""
    steps, locations = 24_000, 16_777
    path = tmp_path / "large.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    values = group.create_array(
        "speed", shape=(steps, locations), chunks=(500, locations), dtype="f4", compressors=None
    )
    values.attrs["_ARRAY_DIMENSIONS"] = ["time", "location"]
    rng = np.random.default_rng(0)
    for first in range(0, steps, 500):
        values[first : first + 500] = rng.random((500, locations), dtype=np.float32)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(tmp_path / "run"), "1400", way],
        capture_output=True, text=True, check=False, timeout=580,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode == 0) == fits, done.stderr[-2000:]
    if not fits:
        assert "would need 6.0 GiB while it is read" in done.stderr
