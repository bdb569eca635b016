import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.artifact.tensors import tensor_column
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
    np.testing.assert_array_equal(np.array(table["x"].to_pylist(), np.float32), data.x)
    shapes = {
        "x": data.x.shape[1:],
        "y": data.y.shape[1:],
        "calendar": data.known.calendar.shape[1:],
    }
    said = json.loads(table.schema.metadata[b"tensor_shapes"])
    assert {name: tuple(said[name]) for name in shapes} == shapes
    places = pq.read_table(artifact / "locations.parquet").to_pydict()
    assert places["id"] == list(data.location_ids)
    assert (
        pq.read_table(artifact / "clusters.parquet")["size"].to_pylist()
        == data.cluster_size.tolist()
    )


def test_pandas_and_polars_read_it(artifact):
    data = SyntheticDataset.load(artifact)
    frame = pd.read_parquet(artifact / "synthetic.parquet")
    np.testing.assert_array_equal(np.array([np.array(y.tolist()) for y in frame["y"]]), data.y)
    polars = pytest.importorskip("polars")
    table = polars.read_parquet(artifact / "synthetic.parquet")
    np.testing.assert_array_equal(table["x"].to_numpy(), data.x)


def test_hugging_face_reads_it(artifact, tmp_path):
    datasets = pytest.importorskip("datasets")
    data = SyntheticDataset.load(artifact)
    file = str(artifact / "synthetic.parquet")
    found = datasets.load_dataset("parquet", data_files=file, cache_dir=str(tmp_path))["train"]
    found = found.with_format("numpy")
    for name, array in (("x", data.x), ("y", data.y), ("calendar", data.known.calendar)):
        np.testing.assert_array_equal(found[:][name], array)


def rewritten(name, change):
    """A table changed, and all sealed again as if it had been written so."""

    def damage(folder):
        table = pq.read_table(folder / name)
        pq.write_table(change(table), folder / name)
        manifest = json.loads((folder / "manifest.json").read_text())
        names = list(manifest.pop("files"))
        del manifest["sha256"]
        write_sealed(folder / "manifest.json", manifest, names)

    return damage


def with_x(make):
    return lambda table: table.set_column(
        1, "x", make(np.array(table["x"].to_pylist(), np.float32))
    )


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (with_x(lambda x: tensor_column(x[:, :-1])), r"x has the shape .* expected \(\d+, 6,"),
        (with_x(lambda x: tensor_column(x[:, :, :, 0])), "x has the shape"),
        (with_x(lambda x: pa.array(list(x[:, :, 0, 0]))), "expected numbers in lists of a fixed"),
        (with_x(lambda x: pa.array(x[:, 0, 0, 0])), "expected numbers in lists of a fixed"),
    ],
)
def test_other_lists_are_one_clear_line(artifact, tmp_path, damage, words):
    folder = tmp_path / "copy"
    shutil.copytree(artifact, folder)
    rewritten("synthetic.parquet", damage)(folder)
    with pytest.raises(ArtifactError, match=words) as error:
        SyntheticDataset.load(folder)
    assert "\n" not in str(error.value)


def test_a_flipped_bit_is_found(artifact, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(artifact, folder)
    content = bytearray((folder / "synthetic.parquet").read_bytes())
    content[len(content) // 3] ^= 4
    (folder / "synthetic.parquet").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"synthetic.parquet is not as it was written"):
        SyntheticDataset.load(folder)


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


def test_an_artifact_of_schema_version_4_is_read(tmp_path):
    """Its tables have Arrow's tensor type; the files must not be written anew."""
    folder = GOLDEN / "artifact_v4"
    data = SyntheticDataset.load(folder)
    assert data.manifest.schema_version == 4
    old = pq.read_table(folder / "synthetic.parquet")["x"].combine_chunks()
    np.testing.assert_array_equal(data.x, old.to_numpy_ndarray())
    assert data.fitted_base.model.weights["own"].shape == (4, 6)
    data.save(tmp_path / "new")
    again = SyntheticDataset.load(tmp_path / "new")
    for name in ("x", "y", "mean_window"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
    for part, weights in data.fitted_base.model.weights.items():
        np.testing.assert_array_equal(again.fitted_base.model.weights[part], weights)
    checkpoint = CheckpointStore(folder).load()  # of version 5
    for part, weights in data.fitted_base.model.weights.items():
        np.testing.assert_array_equal(checkpoint.fitted_base.model.weights[part], weights)
