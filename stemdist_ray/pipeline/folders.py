"""Output folders: what exists is never lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

from stemdist_ray.artifact.checkpoint import CHECKPOINT
from stemdist_ray.artifact.generation import MANIFEST
from stemdist_ray.errors import ArtifactError


def check_folder(
    folder: Path, *, resume: bool, overwrite: bool, checkpoint: str = CHECKPOINT
) -> None:
    """Refuse an output folder that holds something, unless resuming or told to move it aside.

    Args:
        folder: The folder.
        resume: Whether a run in it is gone on with.
        overwrite: Whether it may be moved aside.
        checkpoint: What a run that can be gone on with has in its folder.

    Raises:
        ArtifactError: The folder is taken.
    """
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; expected a new or empty folder for `out`")
    if folder.exists() and any(folder.iterdir()) and not resume and not overwrite:
        state = "a finished run" if (folder / MANIFEST).exists() else "files"
        hint = "go on with resume=True, " if (folder / checkpoint).exists() else ""
        raise ArtifactError(
            f"{folder} holds {state} already; {hint}choose another `out`, or move it aside "
            "with overwrite=True"
        )


def make_folder(folder: Path, *, resume: bool) -> None:
    """Make the output folder; what is there steps aside to ``<folder>.previous``.

    Raises:
        ArtifactError: It cannot be made or written to.
    """
    if folder.exists() and any(folder.iterdir()) and not resume:
        previous = folder.with_name(folder.name + ".previous")
        if previous.exists():
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(previous.stat().st_mtime))
            previous.replace(previous.with_name(f"{previous.name}-{stamp}"))
        folder.replace(previous)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be created: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise ArtifactError(f"{folder} cannot be written to")
