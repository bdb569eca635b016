"""Tensors by name in the safetensors format: a header of JSON, then the numbers; nothing to run.

Format (https://huggingface.co/docs/safetensors): 8 bytes with the length of the header, little
endian; the header, which has dtype, shape and place of every tensor, and ``__metadata__`` with
texts; the tensors one after another without a gap, little endian, last axis fastest.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stemdist_ray.errors import ConfigError

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_METADATA = "__metadata__"
_LENGTH, _LONGEST_HEADER = 8, 100_000_000
assert sys.byteorder == "little"  # the bytes of tensors are taken as they are


def to_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] = {}) -> bytes:
    """Write tensors of any shape.

    Args:
        tensors: By name.
        metadata: Texts by name.

    Raises:
        ConfigError: The format has no word for the dtype of one.
    """
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    parts, end = [], 0
    # Wide numbers first, so that every tensor begins at a multiple of the size of its numbers.
    for name in sorted(tensors, key=lambda n: (-tensors[n].element_size(), n)):
        tensor = tensors[name].detach().cpu().contiguous()
        if tensor.dtype not in _NAMES:
            raise ConfigError(
                f"{name} holds {tensor.dtype}, which safetensors has no word for; expected one of "
                f"{', '.join(str(dtype) for dtype in _NAMES)}"
            )
        parts.append(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *parts])


def from_safetensors(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors, and the texts beside them.

    Raises:
        ValueError: The bytes are not of the format, or damaged.
    """
    length = int.from_bytes(content[:_LENGTH], "little")
    if len(content) < _LENGTH or length > min(_LONGEST_HEADER, len(content) - _LENGTH):
        raise ValueError(f"{len(content)} bytes are no safetensors: the header is cut off")
    try:
        header = json.loads(content[_LENGTH : _LENGTH + length].decode(), object_pairs_hook=_once)
        metadata = dict(header.pop(_METADATA, {}))
        places = {name: _place(entry) for name, entry in header.items()}
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"the header of the safetensors is damaged: {error!r}") from error
    data, end = memoryview(content)[_LENGTH + length :], 0
    for name, (_, _, begin, stop) in sorted(places.items(), key=lambda item: item[1][2:]):
        if begin != end:
            raise ValueError(f"tensor {name} begins at byte {begin}, expected {end}")
        end = stop
    if end != len(data):
        raise ValueError(f"the tensors take {end} bytes, found {len(data)}")
    tensors = {
        name: _tensor(data[begin:stop], dtype, shape)
        for name, (dtype, shape, begin, stop) in places.items()
    }
    return tensors, metadata


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a name stands twice in the header of the safetensors")
    return tree


def _place(entry: Mapping[str, Any]) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    """Dtype, shape and first and last byte of a tensor, consistent with each other."""
    dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
    begin, stop = entry["data_offsets"]
    sizes = (*shape, begin, stop)
    if not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError(f"sizes and places of tensors must be numbers from 0 on; found {sizes}")
    if stop - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"a tensor {entry['dtype']} {list(shape)} does not take {stop - begin} B")
    return dtype, shape, begin, stop


def _tensor(data: memoryview, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    if not len(data):
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)
