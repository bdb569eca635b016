import json

import pytest

from stemdist_ray.artifact.manifest import Manifest, read_manifest
from stemdist_ray.config import DistillConfig
from stemdist_ray.errors import ArtifactError


def test_manifest_of_a_run(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    size = manifest["size"]
    assert size["real_locations"] == 24
    assert size["bytes"] == 4 * size["windows"] * size["locations"] * (6 + 4)
    assert size["real_bytes"] == 4 * size["real_windows"] * 24 * (6 + 4)
    assert manifest["target"] == {"name": "speed", "unit": "km/h", "position": 0}
    assert manifest["result"]["start_validation"] == manifest["history"][0]["validation"]
    assert len(manifest["scaler"]["mean"]) == len(manifest["scaler"]["features"]) == 1
    assert DistillConfig.model_validate(manifest["config"]).num_shards == 3


def test_round_trip(artifact):
    manifest = read_manifest(artifact)
    assert json.loads((artifact / "manifest.json").read_text()) == manifest.to_json()
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_what_is_missing_is_named(artifact):
    tree = json.loads((artifact / "manifest.json").read_text())
    del tree["size"]["windows"]
    with pytest.raises(ArtifactError, match=r"size.windows: Field required"):
        Manifest.from_json(tree)


def test_keys_of_later_releases_are_left_alone(artifact):
    tree = json.loads((artifact / "manifest.json").read_text())
    assert Manifest.from_json({**tree, "new": 1}).seed == tree["seed"]
