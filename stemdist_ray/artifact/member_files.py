"""Members of a teacher on disk, one sealed file each, written as soon as a member is trained.

A run that dies while its teacher trains does not train again what it has; the trials of a sweep
share what one of them has trained. Everything that decides a member is part of its folder's name.
No pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from stemdist_ray.config import DistillConfig
from stemdist_ray.config.layers import without
from stemdist_ray.distillation.teacher import Member
from stemdist_ray.errors import FolderInUseError
from stemdist_ray.system.files import sweep
from stemdist_ray.system.lease import Lease
from stemdist_ray.system.seal import read_kept, write_sealed_bytes

_VERSION = 1
_WAIT = 0.5  # seconds between looks at whether another run has trained them
_ABOUT = "about"
# What a member does not depend on; a setting that is new counts as deciding until it is named here.
_NOT_DECIDING = (
    *("budget", "spatial_ratio", "temporal_ratio", "num_shards"),
    *("clustering", "matching", "refine", "teacher.members"),
)


def member_key(config: DistillConfig, source_hash: str) -> str:
    """A name for all that decides the members: readings and settings.

    Args:
        config: The run's.
        source_hash: Content hash of the readings.
    """
    deciding = without(config.deciding(), _NOT_DECIDING)
    # Of the validation only the windows that choose a member's epoch.
    kept = {
        name: value
        for name, value in deciding.items()
        if not name.startswith("validation.") or name == "validation.windows"
    }
    text = json.dumps([_VERSION, source_hash, kept], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class MemberStore:
    """The members that one kind of training gives.

    Args:
        root: Folder of all kinds.
        config: Of the run.
        source_hash: Content hash of the readings.
        shared: Whether other runs may train them at the same time; they wait for each other.
    """

    def __init__(
        self, root: Path, config: DistillConfig, source_hash: str, shared: bool = False
    ) -> None:
        self.folder, self.shared = root / member_key(config, source_hash), shared

    @contextmanager
    def held(self, members: int) -> Iterator[None]:
        """See :class:`stemdist_ray.distillation.teacher.MemberKeeper`."""
        if not self.shared:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            while not all(self._at(index).exists() for index in range(members)):
                try:
                    stack.enter_context(Lease(self.folder))
                    sweep(self.folder)  # what an owner that died has left
                    break
                except FolderInUseError:
                    time.sleep(_WAIT)
            yield

    def load(self, index: int) -> Member | None:
        """See :class:`stemdist_ray.distillation.teacher.MemberKeeper`."""
        return read_kept(self._at(index), _read)

    def save(self, member: Member) -> None:
        """See :class:`stemdist_ray.distillation.teacher.MemberKeeper`."""
        write_sealed_bytes(self._at(member.index), _written(member))

    def _at(self, index: int) -> Path:
        return self.folder / f"{index}.member"


def _written(member: Member) -> bytes:
    """An NPZ file: the weights by number, and a page of JSON with their names."""
    about = {
        "index": member.index,
        "error": member.error,
        "seconds": member.seconds,
        "peak_rss_mib": member.peak_rss_mib,
        "names": list(member.weights),
    }
    arrays: dict[str, Any] = {
        str(number): np.asarray(array) for number, array in enumerate(member.weights.values())
    }
    arrays[_ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _read(content: bytes) -> Member:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about = json.loads(file[_ABOUT].tobytes().decode())
        weights = {name: file[str(number)] for number, name in enumerate(about["names"])}
    return Member(
        weights=weights,
        error=float(about["error"]),
        seconds=float(about["seconds"]),
        peak_rss_mib=float(about["peak_rss_mib"]),
        index=int(about["index"]),
    )
