import json
import shutil

import pytest

from stemdist_ray import EvaluationResult, SyntheticDataset, evaluate
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import SilentReporter
from tests.test_contract import EVALUATION_KEYS, METRICS


class Said(SilentReporter):
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def result(artifact, traffic):
    return evaluate(artifact, traffic, full_data=True)


def test_typed_result(result):
    assert isinstance(result, EvaluationResult)
    assert result.forecaster == "mtgnn"
    assert set(result.trained_rows()) == {
        "distilled",
        "random_subset",
        "centroid",
        "node_sampled",
        "full_data",
    }


def test_json_is_kept_beside_the_artifact(result, artifact):
    tree = json.loads((artifact / "evaluation.json").read_text())
    assert set(tree) >= EVALUATION_KEYS
    for name in METRICS:
        assert tree[name]["mean"] == pytest.approx(result.distilled.test.values[name]["mean"])


def test_a_loaded_data_set_can_be_evaluated_too(artifact, traffic, result):
    again = evaluate(SyntheticDataset.load(artifact), traffic)
    assert again.full_data is None
    assert again.distilled.test == result.distilled.test


def test_other_locations_are_refused(artifact, traffic):
    ids = (*traffic.location_ids[:-1], "elsewhere")
    with pytest.raises(ConfigError, match="locations that are not those"):
        evaluate(artifact, traffic.with_changes(location_ids=ids))


def test_later_readings_are_allowed_and_noted(artifact, traffic, tmp_path):
    shutil.copytree(artifact, tmp_path / "copy")
    said = Said()
    evaluate(tmp_path / "copy", traffic.with_changes(values=traffic.values + 1), reporter=said)
    assert any("have changed since distilling" in line for line in said.lines)
