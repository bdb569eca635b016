"""Tensors by name in the safetensors format: a header of JSON, then the numbers; nothing to run.

The library ``safetensors`` writes, reads and checks it; what is added here is the text that stands
beside the tensors, which the library gives back for files alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from stemdist_ray.errors import ConfigError

_METADATA, _LENGTH = "__metadata__", 8  # bytes that hold the length of the header


def to_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] = {}) -> bytes:
    """Write tensors of any shape.

    Args:
        tensors: By name.
        metadata: Texts by name.

    Raises:
        ConfigError: The format has no word for the dtype of one.
    """
    # A copy each: the library refuses tensors that share their memory.
    own = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    try:
        return save(own, dict(metadata) or None)
    except (KeyError, SafetensorError) as error:
        kinds = ", ".join(sorted({str(value.dtype) for value in own.values()}))
        raise ConfigError(f"safetensors has no word for one of {kinds}: {error}") from error


def from_safetensors(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors, and the texts beside them.

    Raises:
        ValueError: The bytes are not of the format, or damaged.
    """
    try:
        tensors = load(content)
    except (KeyError, SafetensorError) as error:
        raise ValueError(f"no safetensors, or damaged: {error}") from error
    length = int.from_bytes(content[:_LENGTH], "little")  # the library has checked it
    header = json.loads(content[_LENGTH : _LENGTH + length])
    return tensors, dict(header.get(_METADATA, {}))
