import dataclasses
import json
import shutil

import numpy as np
import pytest

from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.config import build_config
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.system.seal import write_sealed
from tests.conftest import GOLDEN, TINY


@pytest.fixture
def source(artifact):
    return CheckpointStore(artifact).load().source


def resume(artifact, source, *layers):
    return CheckpointStore(artifact).resume(build_config("demo", TINY, *layers), source)


def test_round_trip(artifact, tiny_config, tmp_path):
    checkpoint = CheckpointStore(artifact).load()
    state = checkpoint.state
    assert state.round == 2
    assert len(state.history) == 3
    assert checkpoint.config == tiny_config
    assert {"read", "base", "cluster", "teacher", "distill"} <= set(checkpoint.stages)
    store = CheckpointStore(tmp_path)
    assert not store.exists()
    store.save(checkpoint)
    again = store.load()
    for name, array in state.synthetic.arrays().items():
        np.testing.assert_array_equal(array, getattr(again.state.synthetic, name))
        np.testing.assert_array_equal(getattr(state.best, name), getattr(again.state.best, name))
    assert again.state.history == state.history
    assert (again.config, again.source, again.stages) == (
        *(checkpoint.config, checkpoint.source, checkpoint.stages),
    )
    assert again.executions == checkpoint.executions
    assert len(again.executions) > 5
    clusters = checkpoint.clustering.assignment
    np.testing.assert_array_equal(again.clustering.assignment, clusters)


def test_only_settings_that_decide_are_named(artifact, source):
    changes = {"seed": 5, "worker": {"max_attempts": 9}, "data": {"locations_file": "x.csv"}}
    with pytest.raises(ConfigError) as caught:
        resume(artifact, source, changes)
    assert "other settings: seed was 0 and is 5; resume without" in str(caught.value)


def test_settings_of_the_validation_count_those_of_the_evaluation_do_not(artifact, source):
    with pytest.raises(ConfigError, match="validation.subsets was 4 and is 3"):
        resume(artifact, source, {"validation": {"subsets": 3}})
    assert resume(artifact, source, {"evaluation": {"epochs": 9, "subsets": 3}})


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": 9},
        {"validation": {"patience": 7}},
        {"worker": {"num_workers": 5, "max_attempts": 9}},
        {"data": {"locations_file": "moved.csv"}},
        {"tracking": {"uri": "http://elsewhere"}},
    ],
)
def test_what_does_not_decide_may_change(artifact, source, change):
    checkpoint = resume(artifact, source, change)
    assert checkpoint.state.round == 2
    assert checkpoint.config == build_config("demo", TINY, change)


def test_other_readings_are_refused(artifact, source):
    other = dataclasses.replace(source, hash="0" * 32)
    with pytest.raises(ConfigError, match="are not those it was begun with"):
        resume(artifact, other)


def whole(folder):
    """The folder of the one checkpoint of a run."""
    (found,) = (folder / "checkpoint").glob("0*")
    return found


def as_before_numbers(run, folder, version):
    """The layout of checkpoints of version 4 and before, which were not sealed."""
    shutil.copytree(whole(run), folder / "checkpoint")
    path = folder / "checkpoint" / "state.json"
    tree = json.loads(path.read_text())
    del tree["files"], tree["sha256"]
    path.write_text(json.dumps({**tree, "version": version}))


def test_checkpoints_of_the_release_before_are_gone_on_with(artifact, tmp_path):
    as_before_numbers(artifact, tmp_path, 4)
    store, now = CheckpointStore(tmp_path), CheckpointStore(artifact).load()
    assert store.exists()
    before = store.load()
    np.testing.assert_array_equal(before.state.synthetic.x, now.state.synthetic.x)
    store.save(before)
    assert sorted(p.name for p in (tmp_path / "checkpoint").iterdir()) == ["000001", "current"]
    assert store.load().config == now.config


@pytest.mark.parametrize("version", [None, 1, 3])
def test_checkpoints_of_earlier_releases_are_refused(artifact, tmp_path, version):
    folder = GOLDEN / "artifact_v1" if version is None else artifact
    if version is None:
        shutil.copytree(folder / "checkpoint", tmp_path / "checkpoint")
    else:
        as_before_numbers(folder, tmp_path, version)
    for read in (CheckpointStore(tmp_path).load, CheckpointStore(tmp_path).config):
        with pytest.raises(ArtifactError, match="expected 6; it was written by another release"):
            read()


def test_base_teacher_and_medoids_are_kept(artifact, tmp_path):
    checkpoint, store = CheckpointStore(artifact).load(), CheckpointStore(tmp_path)
    store.save(checkpoint)
    again = store.load()
    np.testing.assert_array_equal(again.clustering.medoids, checkpoint.clustering.medoids)
    assert again.fitted_base.choice == checkpoint.fitted_base.choice
    for part, weights in checkpoint.fitted_base.model.weights.items():
        np.testing.assert_array_equal(again.fitted_base.model.weights[part], weights)
    for ours, theirs in zip(again.teacher.members, checkpoint.teacher.members, strict=True):
        for name, array in theirs.items():
            np.testing.assert_array_equal(ours[name], array)
    clustering = dataclasses.replace(checkpoint.clustering, medoids=None)
    bare = dataclasses.replace(checkpoint, fitted_base=None, teacher=None, clustering=clustering)
    store.save(bare)
    again = store.load()
    assert (again.fitted_base, again.teacher, again.clustering.medoids) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("state.json", "{", "state.json is damaged"),
        ("state.json", '{"version": 9}', "state.json is damaged"),
        ("base_weights.parquet", "PAR1", "base_weights.parquet is not as it was written"),
        ("teacher.parquet", None, "teacher.parquet is missing"),
        ("synthetic.npz", "PK", "synthetic.npz is not as it was written"),
        ("best.npz", None, "best.npz is missing"),
        ("state.json", None, "state.json is missing"),
    ],
)
def test_damaged_checkpoints(artifact, tmp_path, name, content, words):
    shutil.copytree(artifact / "checkpoint", tmp_path / "checkpoint")
    path = whole(tmp_path) / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=words):
        CheckpointStore(tmp_path).load()


def test_nothing_to_resume(tmp_path):
    with pytest.raises(ArtifactError, match="nothing to resume"):
        CheckpointStore(tmp_path).load()


def test_sealed_nonsense_is_refused(artifact, tmp_path):
    """What a hand wrote and sealed is still checked: types, settings and shapes."""
    shutil.copytree(artifact / "checkpoint", tmp_path / "checkpoint")
    path = whole(tmp_path) / "state.json"
    tree = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("files", "sha256")}
    lookback = {**tree["config"], "data": {**tree["config"]["data"], "lookback": 7}}
    for change, words in [
        ({"round": "two"}, "round: Input should be a valid integer"),
        ({"config": {"seed": "x"}}, "seed"),
        ({"config": lookback}, r"x has the shape .*, expected .*W L K F"),
    ]:
        names = [p.name for p in path.parent.iterdir() if p != path]
        write_sealed(path, {**tree, **change}, names)
        with pytest.raises(ArtifactError, match=words):
            CheckpointStore(tmp_path).load()


def test_state_is_plain_json(artifact):
    tree = json.loads((whole(artifact) / "state.json").read_text())
    assert tree["round"] == 2
    assert tree["source"]["locations"] == 24
