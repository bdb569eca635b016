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
    assert size["features"] == 3
    known = 4 * size["windows"] * (6 * 2 + 4 * size["locations"])  # calendar, offsets of the base
    assert size["known_bytes"] == known
    assert size["base_bytes"] > 0
    total = size["bytes"] + size["known_bytes"] + size["base_bytes"]
    assert read_manifest(artifact).size.total_bytes == total
    assert manifest["target"] == {"name": "speed", "unit": "km/h", "position": 0}
    assert manifest["result"]["start_validation"] == manifest["history"][0]["validation"]
    assert len(manifest["scaler"]["mean"]) == len(manifest["scaler"]["features"]) == 1
    assert DistillConfig.model_validate(manifest["config"]).num_shards == 3
    kinds = {record["kind"]: record for record in manifest["executions"]}
    shards = kinds["distillation.shard.run_shard"]
    assert shards["tasks"] == shards["attempts"] == sum(w["tasks"] for w in shards["workers"])
    assert kinds["distillation.teacher.train_member"]["tasks"] == 1
    assert {w["device"] for record in kinds.values() for w in record["workers"]} == {"cpu"}


def test_round_trip(artifact):
    manifest = read_manifest(artifact)
    written = json.loads((artifact / "manifest.json").read_text())
    assert (len(written.pop("files")) > 8, len(written.pop("sha256"))) == (True, 64)
    assert written == manifest.to_json()
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_a_manifest_of_an_earlier_release_does_not_say_who_ran_what(artifact):
    tree = json.loads((artifact / "manifest.json").read_text())
    del tree["executions"]
    assert Manifest.from_json(tree).executions == ()


def test_what_is_missing_is_named(artifact):
    tree = json.loads((artifact / "manifest.json").read_text())
    del tree["size"]["windows"]
    with pytest.raises(ArtifactError, match=r"size.windows: Field required"):
        Manifest.from_json(tree)


def test_keys_of_later_releases_are_left_alone(artifact):
    tree = json.loads((artifact / "manifest.json").read_text())
    assert Manifest.from_json({**tree, "new": 1}).seed == tree["seed"]


@pytest.mark.parametrize("version", [0, 6, None, "3"])
def test_other_schema_versions_are_refused(artifact, version):
    tree = json.loads((artifact / "manifest.json").read_text())
    assert tree["schema_version"] == 5
    with pytest.raises(ArtifactError, match="this release reads 1 to 5"):
        Manifest.from_json({**tree, "schema_version": version})


def test_a_manifest_of_version_2_has_no_base(artifact):
    tree = json.loads((artifact / "manifest.json").read_text())
    for name in ("season", "calendar", "base"):
        del tree[name]
    for name in ("known_bytes", "base_bytes"):
        del tree["size"][name]
    for name in ("base", "budget"):
        del tree["config"][name]
    old = Manifest.from_json({**tree, "schema_version": 2})
    assert (old.base, old.calendar, old.season.unit) == (None, (), "none")
    assert old.config.base == "none"
    assert old.size.total_bytes == old.size.bytes


def test_what_distilling_took(artifact):
    manifest = read_manifest(artifact)
    seconds = {name: stage.seconds for name, stage in manifest.stages.items()}
    wanted = sum(seconds.get(n, 0) for n in ("base", "teacher", "balance", "cluster", "distill"))
    assert manifest.distill_seconds() == pytest.approx(wanted)
    # Of a resumed run of the first release only the rounds are all known.
    none = manifest.model_copy(update={"stages": {}})
    rounds = sum(r.seconds + r.validation_seconds for r in manifest.history)
    assert none.distill_seconds() == pytest.approx(rounds)
