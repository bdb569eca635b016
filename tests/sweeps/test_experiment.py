"""A sweep that goes on reads nothing but JSON: pickles planted where Ray Tune looks stay bytes."""

import json
import pickle
from pathlib import Path

import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.sweep import search
from stemdist_ray.system.seal import write_sealed
from tests.sweeps.conftest import Lines, small_series, sweep_config

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]


class Payload:
    """Makes a folder as soon as anything unpickles it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path, 0o777, True, True)


def plant(folder, trials, payload):
    """Everything that ``Tuner.restore``, a searcher, a scheduler or a trial of Tune would load."""
    raw = pickle.dumps(payload)
    state = json.dumps({"_type": "CLOUDPICKLE_FALLBACK", "value": raw.hex()})
    names = [
        "tuner.pkl", "trainable.pkl", "searcher-state-1.pkl", "search_gen_state-1.json",
        "callback_states-1.pkl", "scheduler-state-1.pkl", ".validate_storage_marker",
        *(f"{trial}/{name}" for trial in trials for name in ("error.pkl", "params.pkl")),
    ]  # fmt: skip
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    for name in ("experiment_state-1.json", "basic-variant-state-1.json"):
        (folder / name).write_text(state)


@pytest.mark.slow  # three sweeps
@pytest.mark.parametrize("searcher", ["grid", "tpe"])
def test_planted_pickles_stay_bytes(local_ray, tmp_path, monkeypatch, searcher):
    space = {"spatial_ratio": {"log": [0.1, 0.5], "points": 2}}
    changes = {"searcher": searcher, "space": space, "trials": 2}
    folder, lines = tmp_path / "run", Lines()

    def die(self, identifier, rounds):
        raise KeyboardInterrupt  # as the first trial ends

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("stemdist_ray.sweeps.monitor.SweepMonitor.finished", die)
        search(small_series(), folder, sweep_config(concurrent=1, **changes), reporter=lines)
    assert not list(folder.rglob("*.pkl"))
    store = SweepStore(folder)
    (interrupted,) = store.records()
    assert interrupted.status == "running"
    for place in (folder / "tune", folder, folder / "trials"):
        plant(place, [interrupted.id], Payload(tmp_path / "ran"))

    result = search(small_series(), folder, resume=True, reporter=lines)
    assert not (tmp_path / "ran").exists()
    assert result.trials[0].id == interrupted.id
    assert result.trials[0].history[: len(interrupted.history)] == interrupted.history
    assert [t.status for t in result.trials] == ["finished"] * 2
    # Every point once, as if nothing had happened.
    assert len({json.dumps(t.point, sort_keys=True) for t in result.trials}) == 2

    again = search(small_series(), folder, resume=True)  # nothing is left to run
    assert [t.history for t in again.trials] == [t.history for t in result.trials]


def test_the_payload_would_have_run(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def test_records_of_another_sweep_are_refused(sweep, tmp_path):
    import shutil

    result, _ = sweep
    folder = tmp_path / "run"
    shutil.copytree(result.path, folder)
    path = folder / "records" / f"{result.trials[0].id}.json"
    tree = {**json.loads(path.read_text()), "point": {"spatial_ratio": 0.9}}
    for own in ("files", "sha256"):
        del tree[own]
    write_sealed(path, tree)
    with pytest.raises(ArtifactError, match="no point of this sweep"):
        search(small_series(), folder, resume=True)
