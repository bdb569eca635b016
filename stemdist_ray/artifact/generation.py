"""A data set is replaced as a whole: written aside, then moved over, its manifest last of all.

While ``.next/manifest.json`` is there, the data set is the new one: its files are those in
``.next`` and, of those that have been moved, the ones in the folder itself. Readers look there
first, writers finish such a move before anything else.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemdist_ray.artifact.base_files import BASE_FILES
from stemdist_ray.artifact.teacher_files import TEACHER_FILES
from stemdist_ray.system.files import read_json, sweep, sync_folder
from stemdist_ray.system.points import reached
from stemdist_ray.system.seal import FILES, file_hash

MANIFEST, CARD = "manifest.json", "README.md"
EVALUATION, CROSS_EVALUATION = "evaluation.json", "cross_architecture.json"
RANK = "rank"
NEXT, STALE = ".next", "stale"
# What says something of a data set and is wrong of the next one.
_OUTDATED = (EVALUATION, CROSS_EVALUATION, RANK, "report.html", "figures")
# What data sets of schema versions 1 to 3, whose manifests list no files, may have.
_BEFORE_4 = (*BASE_FILES, *TEACHER_FILES)


def locate(folder: Path, name: str) -> Path:
    """Where a file of a data set is at this moment."""
    aside = folder / NEXT
    if (aside / MANIFEST).exists() and (aside / name).exists():
        return aside / name
    return folder / name


def generation(folder: Path) -> str | None:
    """Which data set a folder holds: the sha256 of its manifest, None where there is none."""
    try:
        return file_hash(locate(folder, MANIFEST))
    except FileNotFoundError:
        return None


@contextmanager
def next_generation(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write a data set to; it takes the place of the present one.

    Args:
        folder: Of the data set; other files there stay, but those that are said of the one before
            move to ``stale/``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    finish_swap(folder)
    aside = folder / NEXT
    aside.mkdir()
    try:
        reached("data set begun")
        yield aside
        sync_folder(aside)
        reached("data set written")
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    finish_swap(folder)


def finish_swap(folder: Path) -> None:
    """Finish the replacing of a data set that was written, remove one that was not."""
    aside = folder / NEXT
    if not (aside / MANIFEST).exists():
        shutil.rmtree(aside, ignore_errors=True)
        return
    sweep(aside)
    new = {path.name for path in aside.iterdir()} - {MANIFEST}
    listed = set(_files(aside / MANIFEST))
    for name in set(_files(folder / MANIFEST)) - listed:
        (folder / name).unlink(missing_ok=True)
    for name in _OUTDATED:
        set_aside(folder, name)
    for count, name in enumerate(sorted(new)):
        (aside / name).replace(folder / name)
        if count == len(new) // 2:
            reached("data set half swapped")
    sync_folder(folder)
    reached("data set all but swapped")
    (aside / MANIFEST).replace(folder / MANIFEST)
    sync_folder(folder)
    reached("data set swapped")
    aside.rmdir()


def _files(manifest: Path) -> list[str]:
    """The files that a manifest names, whatever its state: they are only replaced or removed."""
    try:
        names = list(read_json(manifest).get(FILES, _BEFORE_4))
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    return [name for name in names if isinstance(name, str) and Path(name).name == name]


def set_aside(folder: Path, name: str) -> None:
    """Move what is said of something that is about to be replaced to ``stale/``."""
    path, kept = folder / name, folder / STALE / name
    if not path.exists():
        return
    kept.parent.mkdir(exist_ok=True)
    if kept.is_dir():
        shutil.rmtree(kept)
    path.replace(kept)
