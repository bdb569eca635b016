import json

import pytest

from stemdist_ray.artifact.generation import generation
from stemdist_ray.artifact.judged import (
    judged_cross_evaluation,
    judged_evaluation,
    write_judged,
)
from stemdist_ray.errors import ArtifactError
from tests.conftest import GOLDEN

OLD = GOLDEN / "artifact_v1"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.json").write_text("a data set")
    return tmp_path


@pytest.fixture
def table():
    return json.loads((OLD / "evaluation.json").read_text())


def test_of_the_data_set_that_is_there(folder, table):
    write_judged(folder / "evaluation.json", table, generation(folder))
    one = judged_evaluation(folder, modern=True)
    assert one.forecaster == table["forecaster"]
    assert judged_cross_evaluation(folder, modern=True) is None
    cross = json.loads((OLD / "cross_architecture.json").read_text())
    write_judged(folder / "cross_architecture.json", cross, generation(folder))
    assert judged_cross_evaluation(folder, modern=True).surrogate == cross["surrogate"]


def test_of_another_one(folder, table, caplog):
    write_judged(folder / "evaluation.json", table, generation(folder))
    (folder / "manifest.json").write_text("another data set")
    assert judged_evaluation(folder, modern=True) is None
    assert "is about another data set and is not shown; run stemdist evaluate again" in caplog.text


def test_of_releases_that_did_not_say(folder, table):
    assert judged_evaluation(OLD, modern=False).seed == table["seed"]
    (folder / "evaluation.json").write_text(json.dumps(table))
    assert judged_evaluation(folder, modern=False) is not None
    assert judged_evaluation(folder, modern=True) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"sha256": "x"}'])
def test_damaged(folder, text):
    (folder / "evaluation.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"evaluation.json is damaged: .*; run stemdist evalu"):
        judged_evaluation(folder, modern=True)


def test_sealed_nonsense(folder):
    write_judged(folder / "evaluation.json", {"rows": 3}, generation(folder))
    with pytest.raises(ArtifactError, match=r"evaluation.json is damaged: KeyError"):
        judged_evaluation(folder, modern=True)
