import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray import Evaluation, SyntheticDataset, evaluate
from stemdist_ray.comparison.table import read_evaluation
from stemdist_ray.data import prepared
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.progress import SilentReporter
from stemdist_ray.system.files import write_json
from tests.conftest import GOLDEN
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
    assert isinstance(result, Evaluation)
    assert result.forecaster == "stid"
    assert list(result.tracks) == ["with_base", "network_alone"]
    assert result.distill_seconds > 0
    assert set(result.rows) == {
        "distilled",
        "random_subset",
        "random_teacher",
        "centroid",
        "node_sampled",
        "full_data",
    }


def test_json_is_kept_beside_the_artifact(result, artifact):
    tree = json.loads((artifact / "evaluation.json").read_text())
    assert set(tree) >= EVALUATION_KEYS
    kinds = {record["kind"]: record for record in tree["executions"]}
    assert kinds["comparison.train_row.run_task"]["tasks"] > 10
    for name in METRICS:
        assert tree[name]["mean"] == pytest.approx(result.distilled.test.values[name]["mean"])


def test_a_loaded_data_set_can_be_evaluated_too(artifact, traffic, result):
    again = evaluate(SyntheticDataset.load(artifact), traffic)
    assert "full_data" not in again.rows
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


def test_a_prepared_source_is_taken_as_it_is(artifact, traffic, result, monkeypatch):
    data = SyntheticDataset.load(artifact)
    ready = prepare_source(traffic, data.config.data)
    monkeypatch.setattr(prepared, "prepare", lambda *unused: pytest.fail("prepared again"))
    assert evaluate(data, ready).distilled.test == result.distilled.test


def test_an_artifact_of_the_first_release_is_evaluated():
    """With the figures that release gave, where the machine adds up alike."""
    data = SyntheticDataset.load(GOLDEN / "artifact_v1")
    stored = read_evaluation(GOLDEN / "artifact_v1" / "evaluation.json")
    again = evaluate(data, data.manifest.source.source)
    for name, row in stored.every_row().items():
        error = row.test.values["relative_rmse"]["mean"]
        found = again.every_row()[name].test.values["relative_rmse"]["mean"]
        assert found == pytest.approx(error, rel=1e-3), name


def test_tracks_that_are_asked_for_and_possible(artifact, traffic, tmp_path):
    data = SyntheticDataset.load(artifact)

    def evaluated(dataset, *tracks):
        changes = {"tracks": tracks, "repeats": 1}
        changed = data.config.evaluation.model_copy(update=changes)
        config = data.config.model_copy(update={"evaluation": changed})
        return evaluate(dataset, traffic, config)

    assert list(evaluated(data, "network_alone").tracks) == ["network_alone"]
    assert list(evaluated(data, "with_base").tracks) == ["with_base"]
    alone = replace(data, fitted_base=None, teacher=None, known=replace(data.known, own=None))
    found = evaluated(alone, "with_base")
    assert list(found.tracks) == ["network_alone"]
    assert "random_teacher" not in found.rows


@pytest.mark.ray
def test_workers_do_not_decide_the_table(artifact, traffic, result, local_ray):
    data = SyntheticDataset.load(artifact)
    workers = data.config.worker.model_copy(update={"num_workers": 2})
    again = evaluate(data, traffic, data.config.model_copy(update={"worker": workers}))
    for track, rows in again.tracks.items():
        for name, row in rows.items():
            assert row.test == result.tracks[track][name].test
    assert {n: r.test for n, r in again.naive.items()} == {
        n: r.test for n, r in result.naive.items()
    }


def test_a_row_that_diverges_ends_the_evaluation(artifact, traffic):
    data = SyntheticDataset.load(artifact)
    wild = {"learning_rate": 1e32, "tracks": ("network_alone",), "warmup_steps": 0}
    changed = data.config.evaluation.model_copy(update=wild)
    with pytest.raises(DivergenceError, match="stid never reached a finite validation error"):
        evaluate(data, traffic, data.config.model_copy(update={"evaluation": changed}))


def sum_of_recent(recent, horizon):
    return np.repeat(np.nan_to_num(recent).sum(axis=1, keepdims=True), horizon, axis=1)


def test_rows_that_are_asked_for(artifact, traffic, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    dataset = SyntheticDataset.load(artifact)
    wanted = {"more_rows": ("st_prune",), "zero_shot": "mine:sum_of_recent"}
    evaluation = dataset.config.evaluation.model_copy(update=wanted)
    table = evaluate(dataset, traffic, dataset.config.model_copy(update={"evaluation": evaluation}))
    assert "full_data" not in table.rows
    assert table.rows["st_prune"].test.values["relative_rmse"]["mean"] < 1.5
    assert table.zero_shot == "mine:sum_of_recent"
    assert list(table.naive)[-1] == "zero_shot"
    write_json(tmp_path / "e.json", table.to_json())
    assert read_evaluation(tmp_path / "e.json") == table
    evaluation = evaluation.model_copy(update={"zero_shot": "mine:nothing"})
    with pytest.raises(ConfigError, match="'mine:nothing' cannot be loaded"):
        evaluate(dataset, traffic, dataset.config.model_copy(update={"evaluation": evaluation}))
