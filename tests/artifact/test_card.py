from stemdist_ray.artifact.card import dataset_card
from stemdist_ray.artifact.manifest import read_manifest


def test_card_names_what_a_user_must_know(artifact):
    manifest = read_manifest(artifact)
    card = dataset_card(manifest)
    assert card == (artifact / "README.md").read_text()
    assert manifest.source.hash in card
    assert "speed (km/h)" in card
    assert "| distill |" in card
    assert "must not be used as such" in card


def test_card_names_the_teacher(artifact):
    def card(teachers):
        manifest = read_manifest(artifact)
        result = manifest.result.model_copy(update={"teachers": teachers})
        return dataset_card(manifest.model_copy(update={"result": result}))

    taught = card({"member 1": 0.5, "mean": 0.75})
    assert "of a teacher (validation relative RMSE: member 1 0.5000, mean 0.7500)" in taught
    assert "**First targets**: readings." in card({})


def test_card_names_the_base(artifact):
    manifest = read_manifest(artifact)
    assert "**Base**: seasonal_linear, " in dataset_card(manifest)
    assert "**Base**: none." in dataset_card(manifest.model_copy(update={"base": None}))
