import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.croissant import croissant
from stemdist_ray.artifact.manifest import read_manifest
from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.seal import file_hash


def described(artifact):
    return json.loads((artifact / "croissant.json").read_text())


def test_files_have_their_hashes(artifact):
    files = {f["@id"]: f for f in described(artifact)["distribution"]}
    sealed = json.loads((artifact / "manifest.json").read_text())["files"]
    assert set(files) == set(sealed) - {"README.md", "croissant.json"}
    for name, file in files.items():
        assert file["sha256"] == sealed[name] == file_hash(artifact / name)
        assert file["contentSize"] == f"{(artifact / name).stat().st_size} B"
    assert files["synthetic.parquet"]["encodingFormat"] == "application/x-parquet"


def test_it_is_sealed_itself(artifact, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(artifact, folder)
    text = (folder / "croissant.json").read_text()
    (folder / "croissant.json").write_text(text.replace("Synthetic data", "Real data"))
    with pytest.raises(ArtifactError, match=r"croissant.json is not as it was written"):
        SyntheticDataset.load(folder)


def test_columns_are_those_of_the_files(artifact):
    tables = {r["@id"]: r["field"] for r in described(artifact)["recordSet"]}
    assert set(tables) == {"synthetic", "clusters", "locations"}
    for table, fields in tables.items():
        names = pq.read_schema(artifact / f"{table}.parquet").names
        assert [f["name"] for f in fields] == names
        assert all(f["source"]["extract"]["column"] == f["name"] for f in fields)
    kinds = {f["@id"]: f["dataType"] for fields in tables.values() for f in fields}
    assert kinds["synthetic/window"] == "sc:Integer"
    assert kinds["locations/id"] == "sc:Text"
    x = next(f for f in tables["synthetic"] if f["name"] == "x")
    data = SyntheticDataset.load(artifact)
    assert (x["isArray"], x["arrayShape"]) == (True, "{},{},{}".format(*data.x.shape[1:]))


def test_it_says_what_the_data_are(artifact):
    tree, manifest = described(artifact), read_manifest(artifact)
    assert "synthetic" in tree["keywords"]
    assert tree["description"].startswith("Synthetic data: ")
    assert manifest.source.hash in tree["prov:wasDerivedFrom"]
    assert tree["rai:dataCollectionType"] == "Synthetic data"
    assert "must not be used as observations" in tree["rai:dataLimitations"]
    assert tree["license"] == "unknown"
    names = [f["@id"] for f in tree["distribution"]]
    config = manifest.config.model_copy(update={"license": "cc-by-4.0"})
    known = manifest.model_copy(update={"config": config})
    assert croissant(known, artifact, names)["license"] == "cc-by-4.0"
    untimed = replace(manifest.source, first_time=None, last_time=None)
    other = croissant(manifest.model_copy(update={"source": untimed}), artifact, names)
    assert set(tree) - set(other) == {"rai:dataCollectionTimeFrame"}


@pytest.mark.filterwarnings("default")  # those of its packages are not ours
def test_mlcroissant_takes_it(artifact):
    mlcroissant = pytest.importorskip(
        "mlcroissant", reason="the validator of Croissant is not installed (extra dev)"
    )
    found = mlcroissant.Dataset(jsonld=artifact / "croissant.json")
    issues = found.metadata.ctx.issues
    assert not issues.errors
    # The same run gives the same bytes, on whatever day.
    assert all("datePublished" in warning for warning in issues.warnings)
    data = SyntheticDataset.load(artifact)
    rows = list(found.records("synthetic"))
    assert len(rows) == len(data.x)
    x = np.array(rows[1]["synthetic/x"], np.float32).reshape(data.x.shape[1:])
    np.testing.assert_array_equal(x, data.x[1])
    assert len(list(found.records("locations"))) == len(data.location_ids)
