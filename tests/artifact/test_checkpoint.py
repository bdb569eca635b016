import dataclasses
import json
import shutil

import numpy as np
import pytest

from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.config import build_config
from stemdist_ray.errors import ArtifactError, ConfigError
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
    assert {"read", "cluster", "teacher", "distill"} <= set(checkpoint.stages)
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


def test_a_checkpoint_of_the_first_release_is_gone_on_with(tmp_path):
    shutil.copytree(GOLDEN / "artifact_v1" / "checkpoint", tmp_path / "checkpoint")
    checkpoint = CheckpointStore(tmp_path).load()
    # Rounds were validated by the settings of the evaluation then, and options had other names.
    assert checkpoint.config.validation.learning_rate == 0.002
    assert checkpoint.config.forecaster.options["kernel_size"] == 2
    more = checkpoint.config.model_copy(update={"rounds": 9})
    assert CheckpointStore(tmp_path).resume(more, checkpoint.source).state.round == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("state.json", "{", "damaged"),
        ("state.json", '{"version": 9}', "version 9"),
        ("synthetic.npz", "PK", "damaged"),
        ("best.npz", None, "damaged"),
        ("state.json", None, "nothing to resume"),
    ],
)
def test_damaged_checkpoints(artifact, tmp_path, name, content, words):
    shutil.copytree(artifact / "checkpoint", tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=words):
        CheckpointStore(tmp_path).load()


def test_state_is_plain_json(artifact):
    tree = json.loads((artifact / "checkpoint" / "state.json").read_text())
    assert tree["round"] == 2
    assert tree["source"]["locations"] == 24
