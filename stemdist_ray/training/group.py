"""What a training needs of its fellow workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.points import reached
from stemdist_ray.system.safetensors import from_safetensors, to_safetensors
from stemdist_ray.system.seal import read_sealed_bytes, write_sealed_bytes
from stemdist_ray.system.torch_archives import read_archive

_ARCHIVE = b"PK"  # how a file of torch.save begins
_TREE = "state"


class Group(Protocol):
    """The workers that train one model together."""

    rank: int
    size: int

    def all_reduce(self, values: Tensor) -> None:
        """Replace the values, of any shape, by their sum over all workers, in place."""

    def report(self, record: Mapping[str, float], state: Mapping[str, Any] | None) -> None:
        """End an epoch: numbers of this worker, and a checkpoint from the first one.

        Every worker calls it equally often.
        """

    def restore(self) -> dict[str, Any] | None:
        """The last checkpoint, None at the beginning."""


class LocalGroup:
    """One worker in the calling process; checkpoints are a file.

    Args:
        checkpoint: Path of the file, None = none are kept.
    """

    rank, size = 0, 1

    def __init__(self, checkpoint: Path | None = None) -> None:
        self.checkpoint = checkpoint

    def all_reduce(self, values: Tensor) -> None:
        """A sum of one."""

    def report(self, record: Mapping[str, float], state: Mapping[str, Any] | None) -> None:
        """Write the checkpoint."""
        del record
        if state is not None and self.checkpoint is not None:
            save_state(self.checkpoint, state)
            reached("epoch saved")

    def restore(self) -> dict[str, Any] | None:
        """Read it."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return None
        return load_state(self.checkpoint)


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint: its tensors as safetensors, how they belong together as JSON beside.

    The sha256 of all of it comes first.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_packed(dict(state), "", tensors))
    write_sealed_bytes(path, to_safetensors(tensors, {_TREE: tree}))


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only, nothing in it is executed.

    Raises:
        ArtifactError: It is damaged.
    """
    hint = "train again, in another folder or with overwrite=True"
    # The first releases wrote the archive of torch.save alone, later ones sealed it.
    content = read_sealed_bytes(path, hint, unsealed=_ARCHIVE)
    try:
        if content.startswith(_ARCHIVE):
            state = read_archive(content)
        else:
            tensors, texts = from_safetensors(content)
            state = _unpacked(json.loads(texts[_TREE]), tensors)
        if not isinstance(state, dict):
            raise ValueError(f"expected a state by name, found {type(state).__name__}")
    except (LookupError, TypeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{path} is damaged: {reason}; {hint}") from error
    return state


def _packed(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A state as JSON: a container is a list of its kind and its items, a tensor has a name."""
    if isinstance(value, Tensor):
        name = name if name not in tensors else f"{name}#{len(tensors)}"
        tensors[name] = value
        return ["tensor", name]
    if isinstance(value, Mapping):
        return ["dict", [[k, _packed(v, f"{name}/{k}", tensors)] for k, v in value.items()]]
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return [kind, [_packed(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name} of a checkpoint is a {type(value).__name__}; expected plain values")


def _unpacked(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(tree, list):
        return tree
    kind, content = tree
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpacked(value, tensors) for key, value in content}
    items = [_unpacked(value, tensors) for value in content]
    return items if kind == "list" else tuple(items)
