import math
from dataclasses import asdict

import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.sweeps.records import SETTINGS_VERSION, SweepStore, TrialRecord, with_report
from stemdist_ray.system.files import write_json
from stemdist_ray.system.seal import write_sealed

METRICS = {"round": 2.0, "error": 0.5, "bytes": 100.0, "seconds": 1.0}


def test_what_is_written_is_read(tmp_path):
    store = SweepStore(tmp_path)
    second = with_report(TrialRecord("b", 2, {"spatial_ratio": 0.1}), METRICS)
    store.write(second)
    store.write(TrialRecord("c", 1, {}, status="failed", reason="no"))
    assert store.records() == [TrialRecord("c", 1, {}, status="failed", reason="no"), second]
    assert not store.exists()
    store.write_settings({"version": SETTINGS_VERSION})
    assert store.read_settings()["version"] == SETTINGS_VERSION


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
    [("{", "is damaged"), ("[]", "is damaged"), ('{"version": 1}', "has version 1, expected 3")],
)
def test_damaged_or_old_settings(tmp_path, text, words):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ArtifactError, match=words):
        SweepStore(tmp_path).read_settings()


@pytest.mark.parametrize("change", [{"id": "../../x"}, {"id": "b"}, {"number": "first"}, {"x": 1}])
@pytest.mark.parametrize("sealed", [True, False])  # as of earlier releases
def test_records_of_other_trials_and_strange_ones_are_refused(tmp_path, change, sealed):
    store = SweepStore(tmp_path)
    tree = {**asdict(TrialRecord("a", 1, {})), **change}
    if sealed:
        write_sealed(tmp_path / "records" / "a.json", {"version": 1, **tree})
    else:
        write_json(tmp_path / "records" / "a.json", tree)
    with pytest.raises(ArtifactError, match="is damaged"):
        store.records()


def test_sweeps_of_earlier_releases_are_gone_on_with(tmp_path):
    write_json(tmp_path / "sweep.json", {"version": 2, "sweep": {}})
    write_json(tmp_path / "records" / "a.json", asdict(TrialRecord("a", 1, {})))
    store = SweepStore(tmp_path)
    assert store.read_settings()["version"] == 2
    assert [record.id for record in store.records()] == ["a"]


def test_settings_that_went_meanwhile(tmp_path, monkeypatch):
    store = SweepStore(tmp_path)
    monkeypatch.setattr(SweepStore, "exists", lambda self: True)
    with pytest.raises(ArtifactError, match=r"sweep\.json is gone"):
        store.read_settings()


def test_numbers_that_are_not_finite_come_back(tmp_path):
    SweepStore(tmp_path).write(TrialRecord("a", 1, {}, metrics={"train_seconds": float("nan")}))
    (record,) = SweepStore(tmp_path).records()
    assert math.isnan(record.metrics["train_seconds"])
