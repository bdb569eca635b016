import json

import numpy as np
import pytest
import torch

from stemdist_ray.artifact.teacher_files import load_teacher, save_teacher
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.errors import ArtifactError
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster

SHAPE = WindowShape(6, 4, 3, target=1, num_covariates=1)


def made(name, members=2):
    config = ForecasterConfig(name=name)
    weights = []
    for seed in range(members):
        torch.manual_seed(seed)
        model = build_forecaster(config, SHAPE)
        weights.append({n: v.numpy() for n, v in model.state_dict().items()})
    return Teacher(tuple(weights), (config,) * members, SHAPE)


@pytest.mark.parametrize("name", sorted(set(FORECASTERS.names())))
def test_a_teacher_survives_its_files(tmp_path, rng, name):
    one = made(name)
    save_teacher(tmp_path, one)
    two = load_teacher(tmp_path)
    assert (two.forecasters, two.shape) == (one.forecasters, one.shape)
    for ours, theirs in zip(one.members, two.members, strict=True):
        assert ours.keys() == theirs.keys()
        for key, array in ours.items():
            np.testing.assert_array_equal(array, theirs[key])
            assert array.dtype == theirs[key].dtype
            assert array.shape == theirs[key].shape
    x = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
    mean_window = rng.normal(size=(5, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(two.forecast(x, mean_window), one.forecast(x, mean_window))


def test_members_keep_their_order(tmp_path):
    one = made("dlinear", members=12)
    save_teacher(tmp_path, one)
    for ours, theirs in zip(one.members, load_teacher(tmp_path).members, strict=True):
        for key, array in ours.items():
            np.testing.assert_array_equal(array, theirs[key])


def test_members_of_several_kinds(tmp_path):
    one, other = made("dlinear"), made("stid")
    mixed = Teacher(
        (one.members[0], other.members[0]), (*one.forecasters[:1], *other.forecasters[:1]), SHAPE
    )
    save_teacher(tmp_path, mixed)
    assert load_teacher(tmp_path).forecasters == mixed.forecasters
    tree = json.loads((tmp_path / "teacher.json").read_text())
    (tmp_path / "teacher.json").write_text(
        json.dumps({**tree, "forecasters": tree["forecasters"][:1]})
    )
    with pytest.raises(ArtifactError, match="1 forecasters for 2 members"):
        load_teacher(tmp_path)


def test_a_teacher_of_before_there_were_kinds(tmp_path):
    one = made("dlinear")
    save_teacher(tmp_path, one)
    tree = json.loads((tmp_path / "teacher.json").read_text())
    tree["forecaster"] = tree.pop("forecasters")[0]
    (tmp_path / "teacher.json").write_text(json.dumps(tree))
    assert load_teacher(tmp_path).forecasters == one.forecasters


def test_a_residual_teacher_stays_one(tmp_path, teacher):
    save_teacher(tmp_path, teacher)
    assert load_teacher(tmp_path).shape.residual
    assert json.loads((tmp_path / "teacher.json").read_text())["shape"] == teacher.shape.to_json()


def test_where_there_is_no_teacher_there_is_none(tmp_path):
    assert load_teacher(tmp_path) is None


def test_nothing_is_pickled(tmp_path, teacher):
    save_teacher(tmp_path, teacher)
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet", ".json"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("teacher.json", b"{"),
        ("teacher.json", b"{}"),
        ("teacher.parquet", b"PAR1"),
        ("teacher.parquet", None),
    ],
)
def test_damage_is_reported(tmp_path, teacher, name, content):
    save_teacher(tmp_path, teacher)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match="the teacher in .* is damaged"):
        load_teacher(tmp_path)
