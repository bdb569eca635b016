import io
import json

import pytest
import torch

from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.safetensors import to_safetensors
from stemdist_ray.system.seal import write_sealed_bytes
from stemdist_ray.training.group import LocalGroup, load_state, save_state


def test_alone_keeps_the_last_checkpoint_in_a_file(tmp_path):
    group = LocalGroup(tmp_path / "state.pt")
    assert group.restore() is None
    group.report({}, {"epoch": 1, "w": torch.ones(2)})
    group.report({}, {"epoch": 2, "w": torch.zeros(2)})
    group.report({}, None)
    assert group.restore()["epoch"] == 2
    assert torch.equal(load_state(tmp_path / "state.pt")["w"], torch.zeros(2))


def test_alone_has_nothing_to_add(tmp_path):
    values = torch.arange(3.0)
    LocalGroup(tmp_path / "x").all_reduce(values)
    assert torch.equal(values, torch.arange(3.0))


def a_state():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [[1, 0.1 + 0.2], [2, float("inf")]],
        "deciding": {"a": None, "b": True, "c": (1, "x")},
        "going_on": {},
        "/model/weight": torch.ones(1),
        "model/weight": torch.zeros(1),
    }


def check_same(one, two):
    assert str(one["history"]) == str(two["history"])
    assert one["deciding"] == two["deciding"]
    assert two["going_on"] == {}
    for name, value in one["model"].items():
        assert torch.equal(two["model"][name], value)
    again = torch.optim.Adam(torch.nn.Linear(3, 2).parameters())
    again.load_state_dict(two["optimizer"])
    for number, values in one["optimizer"]["state"].items():
        for name, value in values.items():
            assert torch.equal(again.state_dict()["state"][number][name], value)
    assert again.state_dict()["param_groups"] == one["optimizer"]["param_groups"]
    assert two["/model/weight"] == 1
    assert two["model/weight"] == 0


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    state = a_state()
    save_state(tmp_path / "state.pt", state)
    check_same(state, load_state(tmp_path / "state.pt"))


@pytest.mark.parametrize("sealed", [False, True])
def test_checkpoints_of_earlier_releases_are_read(tmp_path, sealed):
    state, content = a_state(), io.BytesIO()
    torch.save(state, content)
    if sealed:
        write_sealed_bytes(tmp_path / "state.pt", content.getbuffer())
    else:
        (tmp_path / "state.pt").write_bytes(content.getbuffer())
    check_same(state, load_state(tmp_path / "state.pt"))


def test_what_is_no_plain_value_is_not_written(tmp_path):
    with pytest.raises(TypeError, match="/a of a checkpoint is a set"):
        save_state(tmp_path / "state.pt", {"a": {1}})


@pytest.mark.parametrize(
    "content",
    [
        b"PK",
        b"",
        to_safetensors({}),
        to_safetensors({}, {"state": "["}),
        to_safetensors({}, {"state": json.dumps(["tensor", "w"])}),
        to_safetensors({}, {"state": json.dumps(["list", []])}),
        to_safetensors({}, {"state": json.dumps([1])}),
    ],
)
def test_damage(tmp_path, content):
    write_sealed_bytes(tmp_path / "state.pt", content)
    with pytest.raises(ArtifactError, match=r"state.pt is damaged: .*; train again"):
        load_state(tmp_path / "state.pt")
