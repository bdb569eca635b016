import io
import os
from collections import OrderedDict

import numpy as np
import pytest
import torch

from stemdist_ray.system.torch_archives import read_archive


def saved(value, **options):
    content = io.BytesIO()
    torch.save(value, content, **options)
    return content.getvalue()


def same(one, two):
    assert type(two) in (type(one), dict)
    if isinstance(one, torch.Tensor):
        assert one.dtype == two.dtype
        assert torch.equal(one, two)
    elif isinstance(one, dict):
        assert list(one) == list(two)
        for name in one:
            same(one[name], two[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(two)
        for ours, theirs in zip(one, two, strict=True):
            same(ours, theirs)
    else:
        assert one == two


def test_a_training_is_read():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model(torch.ones(5, 3)).sum().backward()
    optimizer.step()
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [[1, 0.25], [2, float("inf")]],
        "deciding": {"a": None, "b": True, "c": "text ä", "d": (1, -2, 3.5), "e": 2**40, "f": []},
        "many": list(range(3000)),
        **{f"n{i}": (i, i + 1, i + 2, i + 3) for i in range(300)},  # long numbers of the memo
    }
    same(state, read_archive(saved(state)))


def test_tensors_of_all_kinds():
    whole = torch.arange(12.0).reshape(3, 4)
    state = OrderedDict(
        view=whole.T[1:],
        shared=whole,
        scalar=torch.tensor(2),
        empty=torch.empty(0, 3, dtype=torch.int64),
        **{str(t): whole.to(t) for t in (torch.float16, torch.bfloat16, torch.complex64)},
        **{str(t): whole.to(t) for t in (torch.bool, torch.uint8, torch.int32, torch.float64)},
    )
    same(dict(state), read_archive(saved(state)))


class Evil:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_nothing_is_run(tmp_path):
    evil = Evil()
    evil.path = str(tmp_path / "made")
    with pytest.raises(ValueError, match="more than tensors and plain values"):
        read_archive(saved({"w": torch.ones(2), "x": evil}))
    assert not (tmp_path / "made").exists()
    with pytest.raises(ValueError, match="more than tensors"):
        read_archive(saved(np.ones(2)))
    with pytest.raises(ValueError, match="more than tensors"):
        read_archive(saved({1, 2}))


@pytest.mark.parametrize("kept", [0, 1, 2, 30, 300])
def test_half_an_archive(kept):
    with pytest.raises(ValueError, match="damaged"):
        read_archive(saved({"w": torch.ones(20)})[:kept])


def test_any_byte_may_be_damaged():
    """An error or other numbers, but never anything else; hashes find what is left."""
    good = saved({"w": torch.ones(3), "n": [1, 2]})
    for place in range(0, len(good), 3):
        bad = bytearray(good)
        bad[place] ^= 0x41
        try:
            read_archive(bytes(bad))
        except ValueError:
            continue
