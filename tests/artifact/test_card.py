import json

from stemdist_ray.artifact.card import dataset_card


def test_card_names_what_a_user_must_know(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    card = dataset_card(manifest)
    assert card == (artifact / "README.md").read_text()
    assert manifest["source"]["hash"] in card
    assert "speed (km/h)" in card
    assert "| distill |" in card
    assert "must not be used as such" in card
