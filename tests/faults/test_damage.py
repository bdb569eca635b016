"""One flipped bit, or a file that ends too early, in anything a later step reads: it is named."""

import logging
import shutil

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, TrainConfig, TrainedForecaster, train_forecaster
from stemdist_ray.artifact import numbered
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.artifact.sweep_files import RESULTS_VERSION
from stemdist_ray.errors import ArtifactError
from stemdist_ray.report.sweep import read_results
from stemdist_ray.sweeps.records import SETTINGS_VERSION, SweepStore, TrialRecord
from stemdist_ray.sweeps.trial import read_clustering, write_clustering
from stemdist_ray.system.seal import write_sealed
from stemdist_ray.training.group import load_state

# The card may be edited, a pointer gives way to what it should point to: both are said in a line.
ONLY_SAID = ("README.md", "current")


@pytest.fixture(scope="module")
def things(artifact, traffic, tmp_path_factory):
    """Folders that later steps read: name -> (folder, what reads it)."""
    folder = tmp_path_factory.mktemp("damage")
    config = TrainConfig.model_validate(
        {
            "data": {"lookback": 6, "horizon": 4},
            "forecaster": {"name": "dlinear", "options": {"kernel_size": 3}},
            "training": {"epochs": 1},
            "worker": {"num_workers": 0},
            "tracking": {"enabled": False},
        }
    )
    trained = train_forecaster(traffic, folder / "trained", config).path
    # What other tests of this session may have put beside the data set.
    others = ("evaluation.json", "cross_architecture.json", "*.html", "*.svg", "*.png", "*.csv")
    ignore = shutil.ignore_patterns(
        "checkpoint", "tracking.json", ".*", "stale", "undelivered", "figures", *others
    )
    shutil.copytree(artifact, folder / "data", ignore=ignore)
    shutil.copytree(artifact / "checkpoint", folder / "run" / "checkpoint")
    write_sweep(folder / "sweep", SyntheticDataset.load(artifact).clustering)
    return {
        "data set": (folder / "data", SyntheticDataset.load),
        "checkpoint": (folder / "run", lambda path: CheckpointStore(path).load()),
        "trained forecaster": (trained / "model", TrainedForecaster.load),
        "training": (trained / "checkpoints", lambda path: load_state(path / "state.pt")),
        "sweep": (folder / "sweep", read_sweep),
    }


def write_sweep(folder, clustering):
    store = SweepStore(folder)
    store.write_settings({"version": SETTINGS_VERSION, "sweep": {}, "tracking_run_id": None})
    for number in (1, 2):
        store.write(TrialRecord(f"trial-{number}", number, {"spatial_ratio": 0.1 * number}))
    write_clustering(store.clusterings / "one.npz", clustering)
    write_sealed(store.results, {"version": RESULTS_VERSION, "trials": [], "front": []})


def read_sweep(folder):
    store = SweepStore(folder)
    store.read_settings()
    store.records()
    read_clustering(store.clusterings / "one.npz")
    read_results(folder)


def every_file(things):
    return [
        (name, path.relative_to(folder))
        for name, (folder, _) in things.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def changed(content, kind, rng):
    if kind == "truncation":
        return content[: rng.integers(len(content))]
    bit = int(rng.integers(8 * len(content)))
    other = bytearray(content)
    other[bit // 8] ^= 1 << bit % 8
    return bytes(other)


def not_named(things, kind, count, caplog):
    """Damage ``count`` files in turn; where a reader did not name the file."""
    rng, unnamed = np.random.default_rng(0), []
    files = every_file(things)
    for number in range(count):
        name, file = files[number % len(files)]
        folder, read = things[name]
        path = folder / file
        content = path.read_bytes()
        caplog.clear()
        numbered._said.clear()
        try:
            path.write_bytes(changed(content, kind, rng))
            with caplog.at_level(logging.WARNING):
                read(folder)
            said, refused = caplog.text, False
        except ArtifactError as error:
            said, refused = str(error), True
        finally:
            path.write_bytes(content)
        if path.name not in said or refused == (path.name in ONLY_SAID) or "\n" in said.strip():
            unnamed.append((name, str(file), said))
    return unnamed


def test_the_things_themselves_are_whole(things):
    for folder, read in things.values():
        read(folder)
    assert len(every_file(things)) > 30


@pytest.mark.parametrize(("kind", "count"), [("flip", 70), ("truncation", 40)])
def test_damage_is_named(things, caplog, kind, count):
    assert not_named(things, kind, count, caplog) == []


@pytest.mark.slow  # minutes
@pytest.mark.parametrize(("kind", "count"), [("flip", 600), ("truncation", 120)])
def test_all_damage_is_named(things, caplog, kind, count, record_property):
    unnamed = not_named(things, kind, count, caplog)
    record_property("tried", f"{count - len(unnamed)} of {count} {kind}s named")
    assert unnamed == []
