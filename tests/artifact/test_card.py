from dataclasses import replace

import numpy as np
import pytest
import yaml

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.card import as_code, dataset_card
from stemdist_ray.artifact.manifest import read_manifest


def test_card_names_what_a_user_must_know(artifact):
    manifest = read_manifest(artifact)
    card = dataset_card(manifest)
    assert card == (artifact / "README.md").read_text()
    assert manifest.source.hash in card
    assert "speed (km/h)" in card
    assert "| distill |" in card
    assert "must not be used as observations" in card


def parts(card):
    """The YAML head and the Markdown of a card."""
    nothing, head, text = card.split("---\n", 2)
    assert nothing == ""
    return yaml.safe_load(head), text.lstrip("\n")


def test_the_head_is_that_of_the_hub(artifact):
    head, _ = parts((artifact / "README.md").read_text())
    assert head == {
        "pretty_name": "Distilled data set: simulated traffic",
        "license": "unknown",
        "task_categories": ["time-series-forecasting"],
        "tags": ["synthetic", "dataset-distillation", "spatio-temporal", "stemdist"],
        "size_categories": ["n<1K"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "synthetic.parquet"}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("license", "wanted"),
    [
        ("cc-by-4.0", {"license": "cc-by-4.0"}),
        (
            "https://data.example/terms",
            {"license": "other", "license_link": "https://data.example/terms"},
        ),
    ],
)
def test_the_licence_that_was_given(artifact, license, wanted):
    manifest = read_manifest(artifact)
    config = manifest.config.model_copy(update={"license": license})
    head, _ = parts(dataset_card(manifest.model_copy(update={"config": config})))
    assert {name: head[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("windows", "category"), [(999, "n<1K"), (1_000, "1K<n<10K"), (2_000_000, "n>1M")]
)
def test_sizes(artifact, windows, category):
    manifest = read_manifest(artifact)
    size = manifest.size.model_copy(update={"windows": windows})
    head, _ = parts(dataset_card(manifest.model_copy(update={"size": size})))
    assert head["size_categories"] == [category]


def test_the_hub_takes_the_head(artifact):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard.load(artifact / "README.md")
    assert card.data.license == "unknown"
    assert card.data.configs[0]["data_files"][0]["path"] == "synthetic.parquet"


def test_hugging_face_reads_the_folder_by_its_head(artifact, tmp_path):
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(artifact), cache_dir=str(tmp_path))
    assert list(found) == ["train"]
    rows = found["train"].with_format("numpy")
    np.testing.assert_array_equal(rows[:]["y"], SyntheticDataset.load(artifact).y)


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
    head, text = parts(card)
    assert head["pretty_name"] == f"Distilled data set: {' '.join(NASTY.split())}"
    assert text.startswith(f"# Distilled data set: {shown}\n")
    code = f"``` {' '.join(NASTY.split())} ``x`` ```"
    assert f"**Source**: {code}, " in card
    assert "<img" not in text.replace(code, "")


def test_code_spans_end_where_they_should():
    assert as_code("runs/a.csv") == "`runs/a.csv`"
    assert as_code("a`b``c\nd") == "```a`b``c d```"
    assert as_code("`a`") == "`` `a` ``"


def test_the_method_is_named(artifact):
    manifest = read_manifest(artifact)
    assert "**Method**: STemDist (arXiv:2603.10410)" in dataset_card(manifest)
    update = {"method": "dm", "method_options": {"steps": 5}}
    config = manifest.config.model_copy(update=update)
    card = dataset_card(manifest.model_copy(update={"config": config}))
    assert "**Method**: `dm (steps=5)`, seed" in card
    assert "STemDist (arXiv" not in card


def test_folders_of_the_machine_are_left_out(artifact):
    manifest = read_manifest(artifact)
    for told, shown in (("/home/me/a.csv", "a.csv"), ("data/a.csv", "data/a.csv")):
        source = replace(manifest.source, source=told)
        card = dataset_card(manifest.model_copy(update={"source": source}))
        assert f"**Source**: `{shown}`, " in card
