import json

import numpy as np
import pytest
import torch

from stemdist_ray.errors import ConfigError
from stemdist_ray.system.safetensors import from_safetensors, to_safetensors

DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.int64),
    *(torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
)


def some():
    generator = torch.Generator().manual_seed(0)
    numbers = 100 * torch.randn(3, 4, generator=generator)
    tensors = {f"of {dtype}": numbers.to(dtype) for dtype in DTYPES}
    return {
        **tensors,
        "scalar": torch.tensor(3, dtype=torch.int64),
        "empty": torch.empty(0, 3),
        "view": numbers.T[1:],
        'ünï.code/"name"': torch.ones(2),
        "one byte": torch.ones(3, dtype=torch.bool),
    }


def same(one, two):
    assert one.keys() == two.keys()
    for name in one:
        assert one[name].dtype == two[name].dtype, name
        assert torch.equal(one[name], two[name]), name


def test_round_trip():
    tensors, texts = from_safetensors(to_safetensors(some(), {"format": "pt", "ä": "text"}))
    same(tensors, some())
    assert texts == {"format": "pt", "ä": "text"}
    tensors["scalar"] += 1  # may be changed
    assert from_safetensors(to_safetensors({})) == ({}, {})
    # With one text: the library writes several in no order of its own.
    content, other_way = (dict(items) for items in (some().items(), reversed(some().items())))
    assert to_safetensors(content, {"a": "b"}) == to_safetensors(other_way, {"a": "b"})


def test_numbers_of_any_bits_survive():
    bits = np.random.default_rng(0).integers(0, 2**32, 1000, dtype=np.uint32)
    tensor = torch.from_numpy(bits.view(np.float32))
    again = from_safetensors(to_safetensors({"x": tensor}))[0]["x"]
    np.testing.assert_array_equal(again.numpy().view(np.uint32), bits)


def test_tensors_that_share_memory_are_written_apart():
    whole = torch.arange(4.0)
    tensors = {"whole": whole, "part": whole[1:], "again": whole}
    same(from_safetensors(to_safetensors(tensors))[0], tensors)


def test_what_has_no_word_is_refused():
    with pytest.raises(ConfigError, match=r"no word for one of torch.complex128"):
        to_safetensors({"w": torch.ones(2, dtype=torch.complex128)})


def made(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


X = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 20,
        made({"x": X}, bytes(8))[:-30],
        made({"x": X}, bytes(7)),
        made({"x": X}, bytes(9)),
        made({"x": {**X, "data_offsets": [1, 9]}}, bytes(9)),
        made({"x": X, "y": X}, bytes(8)),
        made({"x": {**X, "shape": [3]}}, bytes(8)),
        made({"x": {**X, "shape": [-2]}}, bytes(8)),
        made({"x": {**X, "dtype": "F33"}}, bytes(8)),
        made({"x": {**X, "data_offsets": [0]}}, bytes(8)),
        made({"x": 3}),
        made([]),
        made(b"{"),
        made(b"\xff{"),
    ],
)
def test_damage(content):
    with pytest.raises(ValueError, match="no safetensors, or damaged"):
        from_safetensors(content)
