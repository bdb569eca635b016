import torch

from stemdist_ray.training.group import LocalGroup, load_state


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
