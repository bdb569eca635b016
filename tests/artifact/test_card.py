from dataclasses import replace

from stemdist_ray.artifact.card import as_code, dataset_card
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


NASTY = "<img src=x onerror=alert(1)>\n# *a* [b](http://c) `d` | e_f_ & &lt;"


def test_card_shows_names_as_they_are(artifact):
    manifest = read_manifest(artifact)
    changes = {
        "source": replace(manifest.source, name=NASTY, source=f"{NASTY} ``x``"),
        "target": manifest.target.model_copy(update={"name": NASTY, "unit": NASTY}),
        "scaler": manifest.scaler.model_copy(update={"features": [NASTY]}),
    }
    card = dataset_card(manifest.model_copy(update=changes))
    shown = (
        r"&lt;img src=x onerror=alert(1)&gt; \# \*a\* \[b\](http&#58;//c) \`d\` \| e\_f\_ &amp; "
        "&amp;lt;"
    )
    assert card.count(shown) == 4
    assert card.startswith(f"# Distilled data set: {shown}\n")
    code = f"``` {' '.join(NASTY.split())} ``x`` ```"
    assert f"**Source**: {code}, " in card
    assert "<img" not in card.replace(code, "")


def test_code_spans_end_where_they_should():
    assert as_code("runs/a.csv") == "`runs/a.csv`"
    assert as_code("a`b``c\nd") == "```a`b``c d```"
    assert as_code("`a`") == "`` `a` ``"
