import dataclasses
import json
import shutil

import numpy as np
import pytest

from stemdist_ray.artifact.checkpoint import CheckpointStore, describe_differences
from stemdist_ray.config import build_config
from stemdist_ray.errors import ArtifactError, ConfigError
from tests.conftest import TINY


def test_round_trip(artifact, tiny_config, tmp_path):
    state, clustering = CheckpointStore(artifact).load(tiny_config)
    assert state.round == 2
    assert len(state.history) == 3
    store = CheckpointStore(tmp_path)
    assert not store.exists()
    store.save(state, clustering, tiny_config, {"hash": "x"})
    again, clusters = store.load(tiny_config)
    for name, array in state.synthetic.arrays().items():
        np.testing.assert_array_equal(array, getattr(again.synthetic, name))
        np.testing.assert_array_equal(getattr(state.best, name), getattr(again.best, name))
    assert again.history == state.history
    np.testing.assert_array_equal(clusters.assignment, clustering.assignment)
    store.remove()
    assert not store.exists()


def test_other_settings_are_named(artifact):
    other = build_config("demo", TINY, {"seed": 5})
    with pytest.raises(ConfigError, match="seed was 0 and is 5"):
        CheckpointStore(artifact).load(other)


def test_settings_of_the_judge_count(artifact):
    other = build_config("demo", TINY, {"evaluation": {"subsets": 3}})
    with pytest.raises(ConfigError, match="evaluation.subsets was 4 and is 3"):
        CheckpointStore(artifact).load(other)
    assert CheckpointStore(artifact).load(build_config("demo", TINY, {"evaluation": {"epochs": 9}}))


def test_early_stop_is_remembered_until_more_rounds_are_asked_for(artifact, tiny_config, tmp_path):
    state, clustering = CheckpointStore(artifact).load(tiny_config)
    store = CheckpointStore(tmp_path)
    stopped = dataclasses.replace(state, stopped_early=True)
    store.save(stopped, clustering, tiny_config, {"hash": "x"})
    assert store.load(tiny_config)[0].stopped_early
    assert not store.load(build_config("demo", TINY, {"rounds": 9}))[0].stopped_early


def test_more_rounds_and_other_workers_are_welcome(artifact):
    other = build_config("demo", TINY, {"rounds": 9, "worker": {"num_workers": 5}})
    assert CheckpointStore(artifact).load(other)[0].round == 2


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
def test_damaged_checkpoints(artifact, tiny_config, tmp_path, name, content, words):
    shutil.copytree(artifact / "checkpoint", tmp_path / "checkpoint")
    path = tmp_path / "checkpoint" / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=words):
        CheckpointStore(tmp_path).load(tiny_config)


def test_differences_leave_out_what_may_differ():
    old = {"seed": 0, "rounds": 1, "worker": {"num_workers": 1}, "matching": {"steps": 2}}
    new = {"seed": 0, "rounds": 2, "worker": {"num_workers": 4}, "matching": {"steps": 3}}
    assert describe_differences(old, new) == "matching.steps was 2 and is 3"


def test_state_is_plain_json(artifact):
    tree = json.loads((artifact / "checkpoint" / "state.json").read_text())
    assert tree["round"] == 2
    assert tree["source"]["locations"] == 24
