import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.data.prepared import prepare
from stemdist_ray.distillation.start import chosen_windows
from stemdist_ray.distillation.state import KnownParts
from stemdist_ray.errors import ArtifactError, DataError
from stemdist_ray.system.seal import write_sealed
from tests.conftest import GOLDEN


def test_what_is_written_is_read_back(artifact, tmp_path):
    one = SyntheticDataset.load(artifact)
    one.save(tmp_path / "copy of a dataset")
    two = SyntheticDataset.load(tmp_path / "copy of a dataset")
    for name in ("x", "y", "cluster_size", "assignment", "mean_window", "coordinates"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.location_ids == two.location_ids
    assert one.scaler == two.scaler
    assert one.manifest == two.manifest
    assert one.config == two.config
    for name in ("calendar", "offset", "own"):
        np.testing.assert_array_equal(getattr(one.known, name), getattr(two.known, name))
    np.testing.assert_array_equal(one.medoids, two.medoids)
    assert one.fitted_base.choice == two.fitted_base.choice
    for ours, theirs in zip(one.teacher.members, two.teacher.members, strict=True):
        assert ours.keys() == theirs.keys()


def test_a_data_set_without_base_calendar_and_teacher(artifact, tmp_path):
    nothing = {"known": KnownParts(), "fitted_base": None, "teacher": None, "medoids": None}
    one = replace(SyntheticDataset.load(artifact), **nothing)
    one.save(tmp_path / "plain")
    two = SyntheticDataset.load(tmp_path / "plain")
    assert (two.fitted_base, two.teacher, two.medoids) == (None, None, None)
    assert vars(two.known) == vars(KnownParts())
    np.testing.assert_array_equal(two.inputs(), two.x)
    np.testing.assert_array_equal(two.residual(), two.y)
    with pytest.raises(ArtifactError, match="has no base"):
        _ = two.base
    with pytest.raises(ArtifactError, match="needs a base"):
        two.to_torch(residual=True)
    assert not list((tmp_path / "plain").glob("base*"))


def test_what_is_known_belongs_to_the_windows(artifact, traffic):
    data = SyntheticDataset.load(artifact)
    source = prepare(traffic, data.config.data)
    base = data.fitted_base.bind(source).select(data.medoids)
    starts = chosen_windows(data.config, source)
    np.testing.assert_allclose(
        data.known.base(data.x), base.forecast(data.x, starts, None), atol=1e-5
    )
    np.testing.assert_allclose(data.y - data.residual(), data.known.base(data.x), atol=1e-5)


def test_the_base_forecasts_from_recent_readings(artifact, traffic):
    data = SyntheticDataset.load(artifact)
    source = prepare(traffic, data.config.data)
    bound = source.with_base(data.fitted_base.bind(source))
    start = 350
    recent = np.where(traffic.mask, traffic.values, np.nan)[start : start + 6]
    found = data.base.forecast(recent, traffic.times[start + 5], scaled=True)
    wanted = bound.windows.batch(np.array([start])).base[0].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    with pytest.raises(DataError, match="last_time"):
        data.base.forecast(recent)


def test_shapes(artifact):
    data = SyntheticDataset.load(artifact)
    windows, lookback, locations, features = data.x.shape
    assert (lookback, features) == (6, 1)
    assert locations == round(0.4 * 24)
    assert windows == round(0.05 * (240 - 9))
    assert data.y.shape == (windows, 4, locations)
    assert data.mean_window.shape == (24, 6, 3)  # and the time of day
    assert data.inputs().shape == (windows, 6, locations, 3)
    assert data.residual().shape == data.y.shape
    assert data.medoids.shape == data.cluster_size.shape
    assert data.cluster_size.sum() == 24
    assert data.num_bytes == data.x.nbytes + data.y.nbytes


def test_pyarrow_alone_can_read_it(artifact):
    data = SyntheticDataset.load(artifact)
    table = pq.read_table(artifact / "synthetic.parquet")
    assert table.num_rows == len(data.x)
    x = table["x"].combine_chunks()
    x = (x.chunk(0) if hasattr(x, "chunk") else x).to_numpy_ndarray()
    np.testing.assert_array_equal(x, data.x)
    places = pq.read_table(artifact / "locations.parquet").to_pydict()
    assert places["id"] == list(data.location_ids)
    assert (
        pq.read_table(artifact / "clusters.parquet")["size"].to_pylist()
        == data.cluster_size.tolist()
    )


def test_nothing_is_pickled(artifact):
    for path in artifact.rglob("*"):
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                assert all(file[name].dtype != object for name in file.files)
        elif path.is_file():
            known = (".parquet", ".json", ".md", ".html", ".svg", ".png")
            assert path.suffix in known or path.name == "current"  # which checkpoint counts


def test_to_torch(artifact):
    data = SyntheticDataset.load(artifact)
    pairs = data.to_torch()
    assert len(pairs) == len(data.x)
    x, y = pairs[1]
    np.testing.assert_array_equal(x.numpy(), data.inputs()[1])
    np.testing.assert_array_equal(y.numpy(), data.y[1])
    x, y = data.to_torch(residual=True)[1]
    np.testing.assert_array_equal(x.numpy(), data.inputs()[1])
    np.testing.assert_array_equal(y.numpy(), data.residual()[1])


def test_to_npz(artifact, tmp_path):
    data = SyntheticDataset.load(artifact)
    with np.load(data.to_npz(tmp_path / "x.npz"), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["x"], data.x)
        np.testing.assert_array_equal(file["inputs"], data.inputs())
        np.testing.assert_array_equal(file["residual"], data.residual())
        assert tuple(file["location_ids"]) == data.location_ids
        assert tuple(file["scaler_mean"]) == data.scaler.mean


def test_manifest_tells_how_it_was_made(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["source"]["hash"]
    assert manifest["config"]["num_shards"] == 3
    assert manifest["versions"]["torch"]
    assert {"read", "base", "cluster", "teacher", "distill"} >= set(manifest["stages"]) - {
        "tracking",
        "start workers",
    }
    assert manifest["stages"]["distill"]["peak_rss_mib"] > 10
    assert len(manifest["history"]) == 3
    assert set(manifest["result"]["teachers"]) == {"member 1", "mean", "base"}
    assert manifest["base"]["penalty"] > 0
    assert manifest["calendar"] == ["time_of_day_sin", "time_of_day_cos"]
    assert manifest["season"] == {"unit": "day", "slots": 288, "day_types": False}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: shutil.rmtree(f), "does not exist"),
        (lambda f: (f / "manifest.json").unlink(), "is not finished"),
        (lambda f: (f / "manifest.json").write_text("{"), "damaged"),
        (lambda f: write_sealed(f / "manifest.json", {"schema_version": 99}), "schema version 99"),
        (lambda f: (f / "synthetic.parquet").write_bytes(b"PAR1"), "damaged"),
        (lambda f: (f / "clusters.parquet").unlink(), "damaged"),
        (lambda f: (f / "base_weights.parquet").unlink(), "base_weights.parquet is missing"),
        (lambda f: (f / "teacher.json").write_text("{}"), "teacher.json is not as it was"),
    ],
)
def test_damaged_artifacts(artifact, tmp_path, damage, words):
    folder = tmp_path / "copy"
    shutil.copytree(artifact, folder)
    damage(folder)
    with pytest.raises(ArtifactError, match=words):
        SyntheticDataset.load(folder)


def test_any_other_folder(tmp_path):
    with pytest.raises(ArtifactError, match="expected a folder written by stemdist distill"):
        SyntheticDataset.load(tmp_path)


def test_an_artifact_of_the_first_release_is_read():
    """Written before schema version 2; the files must not be written anew."""
    data = SyntheticDataset.load(GOLDEN / "artifact_v1")
    assert data.x.shape == (6, 6, 4, 1)
    assert data.mean_window.shape == (16, 6, 1)
    assert data.manifest.schema_version == 1
    assert data.config.forecaster.options == {"kernel_size": 2, "channels": 8, "dilations": [1, 2]}
    assert data.config.validation.learning_rate == data.config.evaluation.learning_rate == 0.002
    assert data.manifest.result.best_round == 2
    assert (data.config.base, data.fitted_base, data.teacher) == ("none", None, None)
    np.testing.assert_array_equal(data.inputs(), data.x)
