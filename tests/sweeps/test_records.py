import json
import math

import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.sweeps.records import SETTINGS_VERSION, SweepStore, TrialRecord, with_report

METRICS = {"round": 2.0, "error": 0.5, "bytes": 100.0, "seconds": 1.0}


def test_what_is_written_is_read(tmp_path):
    store = SweepStore(tmp_path)
    second = with_report(TrialRecord("b", 2, {"spatial_ratio": 0.1}), METRICS)
    store.write(second)
    store.write(TrialRecord("c", 1, {}, status="failed", reason="no"))
    assert store.records() == [TrialRecord("c", 1, {}, status="failed", reason="no"), second]
    assert not store.exists()
    store.write_settings({"version": SETTINGS_VERSION})
    assert store.read_settings() == {"version": SETTINGS_VERSION}


def test_a_repeated_round_replaces_what_was_reported(tmp_path):
    record = TrialRecord("a", 1, {})
    for number, error in ((0, 0.9), (1, 0.8), (1, 0.8), (2, 0.7)):
        record = with_report(record, {**METRICS, "round": number, "error": error})
    assert record.history == ((0, 0.9), (1, 0.8), (2, 0.7))


def test_values_and_row():
    record = with_report(TrialRecord("a", 1, {"spatial_ratio": 0.1}), METRICS)
    assert record.values(["error", "bytes"]) == [0.5, 100.0]
    assert TrialRecord("b", 2, {}).values(["error"]) == [float("inf")]
    row = record.to_row()
    assert row["spatial_ratio"] == 0.1
    assert row["validation_relative_rmse"] == 0.5
    assert row["test_relative_rmse"] is None


def test_damage(tmp_path):
    store = SweepStore(tmp_path)
    with pytest.raises(ArtifactError, match="holds no sweep"):
        store.read_settings()
    store.write(TrialRecord("a", 1, {}))
    (tmp_path / "records" / "a.json").write_text("{")
    with pytest.raises(ArtifactError, match="is damaged"):
        store.records()


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is damaged"), ("[]", "is damaged"), ('{"version": 1}', "has version 1, expected 2")],
)
def test_damaged_or_old_settings(tmp_path, text, words):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ArtifactError, match=words):
        SweepStore(tmp_path).read_settings()


@pytest.mark.parametrize("change", [{"id": "../../x"}, {"id": "b"}, {"number": "first"}, {"x": 1}])
def test_records_of_other_trials_and_strange_ones_are_refused(tmp_path, change):
    store = SweepStore(tmp_path)
    store.write(TrialRecord("a", 1, {}))
    path = tmp_path / "records" / "a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ArtifactError, match="is damaged"):
        store.records()


def test_numbers_that_are_not_finite_come_back(tmp_path):
    SweepStore(tmp_path).write(TrialRecord("a", 1, {}, metrics={"train_seconds": float("nan")}))
    (record,) = SweepStore(tmp_path).records()
    assert math.isnan(record.metrics["train_seconds"])
