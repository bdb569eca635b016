"""What a training needs of its fellow workers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from stemdist_ray.system.files import replacing_file


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
            with replacing_file(self.checkpoint) as aside:
                torch.save(dict(state), aside)

    def restore(self) -> dict[str, Any] | None:
        """Read it."""
        if self.checkpoint is None or not self.checkpoint.exists():
            return None
        return load_state(self.checkpoint)


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only, nothing in it is executed."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
