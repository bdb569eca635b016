"""One seed per (run, purpose, round, shard, subset), independent of who computes it."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


def derive_seed(seed: int, *path: str | int) -> int:
    """Derive a child seed from a run seed and a path of names and numbers.

    Args:
        seed: Seed of the run.
        *path: What the seed is for, e.g. ``("shard", round_index, shard_index)``.

    Returns:
        An integer in [0, 2**63). Equal arguments give equal seeds on every
        machine and Python version; different paths give unrelated seeds.
    """
    text = repr((int(seed), *[p if isinstance(p, str) else int(p) for p in path]))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def numpy_generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return a NumPy generator for :func:`derive_seed` of the same arguments."""
    return np.random.default_rng(derive_seed(seed, *path))


@contextmanager
def torch_seed(seed: int, *path: str | int) -> Iterator[None]:
    """Seed torch inside the block and give the caller's random state back after it."""
    # Only the GPU in use: asking the others, or one that nobody uses, would take memory there.
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = [torch.cuda.current_device()] if in_use else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derive_seed(seed, *path))
        yield
