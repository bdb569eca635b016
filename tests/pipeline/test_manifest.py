import json

from stemdist_ray.config import DistillConfig


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
