"""What a training needs of its fellow workers."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.points import reached
from stemdist_ray.system.seal import read_sealed_bytes, write_sealed_bytes


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
    """Write a checkpoint: the sha256 of what ``torch.save`` makes of it, then that."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    write_sealed_bytes(path, content.getbuffer())


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only, nothing in it is executed.

    Raises:
        ArtifactError: It is damaged.
    """
    hint = "train again, in another folder or with overwrite=True"
    # Releases before this wrote the archive of torch.save alone.
    content = read_sealed_bytes(path, hint, unsealed=b"PK")
    try:
        state: dict[str, Any] = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
    except (OSError, EOFError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{path} is damaged: {reason}; {hint}") from error
    return state
