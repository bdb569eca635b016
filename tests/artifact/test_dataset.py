import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.errors import ArtifactError
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


def test_shapes(artifact):
    data = SyntheticDataset.load(artifact)
    windows, lookback, locations, features = data.x.shape
    assert (lookback, features) == (6, 1)
    assert locations == round(0.4 * 24)
    assert windows == round(0.05 * (240 - 9))
    assert data.y.shape == (windows, 4, locations)
    assert data.mean_window.shape == (24, 6, 1)
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
            assert path.suffix in (".parquet", ".json", ".md", ".html", ".svg", ".png")


def test_to_torch(artifact):
    data = SyntheticDataset.load(artifact)
    pairs = data.to_torch()
    assert len(pairs) == len(data.x)
    x, y = pairs[1]
    np.testing.assert_array_equal(x.numpy(), data.x[1])
    np.testing.assert_array_equal(y.numpy(), data.y[1])


def test_to_npz(artifact, tmp_path):
    data = SyntheticDataset.load(artifact)
    with np.load(data.to_npz(tmp_path / "x.npz"), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["x"], data.x)
        assert tuple(file["location_ids"]) == data.location_ids
        assert tuple(file["scaler_mean"]) == data.scaler.mean


def test_manifest_tells_how_it_was_made(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert manifest["source"]["hash"]
    assert manifest["config"]["num_shards"] == 3
    assert manifest["versions"]["torch"]
    assert {"read", "cluster", "teacher", "distill", "write"} >= set(manifest["stages"]) - {
        "tracking",
        "start workers",
    }
    assert manifest["stages"]["distill"]["peak_rss_mib"] > 10
    assert len(manifest["history"]) == 3
    assert set(manifest["result"]["teachers"]) == {"mtgnn", "ridge", "mean of both"}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: shutil.rmtree(f), "does not exist"),
        (lambda f: (f / "manifest.json").unlink(), "is not finished"),
        (lambda f: (f / "manifest.json").write_text("{"), "damaged"),
        (lambda f: (f / "manifest.json").write_text('{"schema_version": 99}'), "schema version 99"),
        (lambda f: (f / "synthetic.parquet").write_bytes(b"PAR1"), "damaged"),
        (lambda f: (f / "clusters.parquet").unlink(), "damaged"),
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
