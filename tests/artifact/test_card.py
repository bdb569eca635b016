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


def test_card_names_the_teacher(artifact):
    manifest = json.loads((artifact / "manifest.json").read_text())
    manifest["result"]["teachers"] = {"ridge": 0.5, "mtgnn": 0.75}
    assert "forecasts of ridge (validation relative RMSE 0.5000)" in dataset_card(manifest)
    manifest["result"]["teachers"] = {}
    assert "**First targets**: readings." in dataset_card(manifest)
