import csv
from contextlib import suppress
from dataclasses import replace

import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.data import prepared, source
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import SilentReporter
from stemdist_ray.sweeps import finish
from stemdist_ray.sweeps.finish import finish_sweep
from stemdist_ray.sweeps.records import SweepStore, TrialRecord, with_report
from stemdist_ray.sweeps.trial import distill_point
from stemdist_ray.tracking.base_class import NullTracker
from tests.sweeps.conftest import small_series


class StoppedError(Exception):
    pass


def run_until(last, shared, record):
    """Run a trial, stopped after round ``last`` as by a scheduler; returns its record then."""

    def report(metrics):
        nonlocal record
        record = with_report(record, metrics)
        if metrics["round"] == last:
            raise StoppedError

    with suppress(StoppedError):
        distill_point(record.point, record.id, shared, report)
    return record


def finish_sweep_of(shared, folder, series=None):
    return finish_sweep(
        SweepStore(folder),
        series or shared.source,
        shared.space.search,
        shared.settings,
        NullTracker(),
        SilentReporter(),
    )


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_trial_that_was_stopped_early_is_completed_when_chosen(shared):
    """Two trials, one cut off after round 1; the front holds both, both get a data set."""
    store = SweepStore(shared.folder)
    for number, (name, ratio, last) in enumerate([("a", 0.25, None), ("b", 0.4, 1)], 1):
        record = run_until(last, shared, TrialRecord(name, number, {"spatial_ratio": ratio}))
        # Make the larger one the better one, so that no trial beats the other.
        metrics = {**record.metrics, "error": 0.9 - ratio}
        store.write(with_report(record, metrics))
    store.write(TrialRecord("c", 3, {"spatial_ratio": 0.1}, status="failed", reason="why"))
    assert not (store.trial("b") / "manifest.json").exists()

    store.write_settings({"version": 1})
    result = finish_sweep_of(shared, shared.folder)
    assert [r.id for r in result.front] == ["b", "a"]
    assert [r.id for r in result.chosen] == ["b"]
    assert result.best.id == "b"
    assert result.best.test["mean"] > 0
    assert (store.best / "manifest.json").exists()
    rows = table(store.trials_csv)
    assert [row["status"] for row in rows] == ["running", "running", "failed"]
    assert rows[2]["reason"] == "why"
    assert [row["id"] for row in table(store.front_csv)] == ["a", "b"]


@pytest.fixture
def stopped(shared):
    """A sweep of one trial that was stopped after round 1."""
    store = SweepStore(shared.folder)
    store.write(run_until(1, shared, TrialRecord("a", 1, {"spatial_ratio": 0.25})))
    store.write_settings({"version": 1})
    return store


def test_finishing_neither_reads_nor_prepares_nor_distils(stopped, shared, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("must not be called")

    for owner, name in (
        *((prepared, "prepare"), (prepared, "read_series"), (source, "read_series")),
        *((Scaler, "fit"), (Coordinator, "run")),
    ):
        monkeypatch.setattr(owner, name, never)
    result = finish_sweep_of(shared, shared.folder)
    data = SyntheticDataset.load(stopped.best)
    state = CheckpointStore(stopped.trial("a")).load().state
    assert data.manifest.result.rounds == state.round == 1
    assert (data.x == state.kept().synthetic.x).all()
    assert result.best.test["mean"] > 0


def test_a_head_without_gpu_finishes_a_sweep_of_workers_with_gpus(stopped, shared):
    layer = {**shared.space.layer, "worker": {"num_workers": 2, "num_gpus": 1}}
    result = finish_sweep_of(
        replace(shared, space=replace(shared.space, layer=layer)), stopped.folder
    )
    assert result.best.test["mean"] > 0


def test_other_readings_are_refused(stopped, shared):
    series = small_series()
    other = prepared.prepare(series.with_changes(values=series.values + 1), shared.source.config)
    with pytest.raises(ConfigError, match="made from other readings"):
        finish_sweep_of(shared, shared.folder, other)
    assert not stopped.results.exists()


def test_the_test_split_is_not_read_again(sweep, shared, monkeypatch):
    result, _ = sweep
    monkeypatch.setattr(finish, "evaluate", None)
    again = finish_sweep_of(shared, result.path)
    assert again.chosen == result.chosen
