import csv

import pytest

from stemdist_ray.pipeline.inputs import prepare_input
from stemdist_ray.progress import SilentReporter
from stemdist_ray.tracking.base import NullTracker
from stemdist_ray.tuning import finish
from stemdist_ray.tuning.finish import finish_sweep
from stemdist_ray.tuning.records import SweepStore, TrialRecord, with_report
from stemdist_ray.tuning.trial import distill_point


def test_a_trial_that_was_stopped_early_is_completed_when_chosen(shared):
    """Two trials, one cut off after round 1; the front holds both, both get a data set."""

    class StoppedError(Exception):
        pass

    store = SweepStore(shared.folder)
    for number, (name, ratio, last) in enumerate([("a", 0.25, 2), ("b", 0.4, 1)], 1):
        record = TrialRecord(name, number, {"spatial_ratio": ratio})

        def report(metrics, last=last):
            nonlocal record
            record = with_report(record, metrics)
            if metrics["round"] == last < 2:
                raise StoppedError

        if last < 2:
            with pytest.raises(StoppedError):
                distill_point(record.point, name, shared, report)
        else:
            distill_point(record.point, name, shared, report)
        # Make the larger one the better one, so that no trial beats the other.
        metrics = {**record.metrics, "error": 0.9 - ratio}
        store.write(with_report(record, metrics))
    store.write(TrialRecord("c", 3, {"spatial_ratio": 0.1}, status="failed", reason="why"))
    assert not (store.trial("b") / "manifest.json").exists()

    search = shared.space.search
    source = prepare_input(shared.source, shared.source.config)
    store.write_settings({"version": 1})
    result = finish_sweep(store, source, search, shared.settings, NullTracker(), SilentReporter())
    assert [r.id for r in result.front] == ["b", "a"]
    assert [r.id for r in result.chosen] == ["b"]
    assert result.best.id == "b"
    assert result.best.test["mean"] > 0
    assert (store.best / "manifest.json").exists()
    rows = list(csv.DictReader(store.trials_csv.open()))
    assert [row["status"] for row in rows] == ["running", "running", "failed"]
    assert rows[2]["reason"] == "why"
    assert [row["id"] for row in csv.DictReader(store.front_csv.open())] == ["a", "b"]


def test_the_test_split_is_not_read_again(sweep, shared, monkeypatch):
    result, _ = sweep
    monkeypatch.setattr(finish, "evaluate", None)
    again = finish_sweep(
        SweepStore(result.path),
        shared.source,
        shared.space.search,
        shared.settings,
        NullTracker(),
        SilentReporter(),
    )
    assert again.chosen == result.chosen
