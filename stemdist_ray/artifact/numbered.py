"""Folders that replace each other: numbered, sealed, and a pointer to the one that counts.

At every moment one of them is whole. ``current`` names it; where ``current`` is missing or damaged,
the newest one whose seal holds is taken.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.files import sweep, sync_folder, sync_tree
from stemdist_ray.system.points import reached
from stemdist_ray.system.seal import read_sealed, write_sealed

logger = logging.getLogger(__name__)

CURRENT = "current"
_NAME = re.compile(r"\d{6,}")
_said: set[str] = set()


class NumberedFolders:
    """Folders in one folder, each with a sealed JSON file that vouches for all others in it.

    Args:
        path: Of the folder that holds them.
        sealed: Name of the JSON file.
        what_to_do: How the message about a damaged one ends.
    """

    def __init__(self, path: Path, sealed: str, what_to_do: str) -> None:
        self.path, self.sealed, self.what_to_do = path, sealed, what_to_do

    def exist(self) -> bool:
        """Whether there is one, damaged or not."""
        return bool(self._newest_first()) or (self.path / CURRENT).exists()

    def find(self) -> tuple[Path, dict[str, Any]]:
        """The one that counts, and what its JSON file holds; its files are as they were written.

        Raises:
            ArtifactError: There is none that is whole.
        """
        pointed, problem = self._pointed()
        others = [path for path in self._newest_first() if path != pointed]
        for folder in [*([] if pointed is None else [pointed]), *others]:
            try:
                tree = read_sealed(folder / self.sealed, self.what_to_do)
            except FileNotFoundError:
                problem = problem or f"{folder} is damaged: {self.sealed} is missing"
            except ArtifactError as error:
                problem = problem or str(error)
            else:
                if problem is not None:
                    _say_once(f"{problem} (instead {folder.name}, which is whole, is used)")
                return folder, tree
        raise ArtifactError(problem or f"{self.path} holds nothing; {self.what_to_do}")

    @contextmanager
    def next(self, write_seal: Callable[[Path], None]) -> Iterator[Path]:
        """Yield an empty folder to write to; on success it is the one that counts, alone.

        Args:
            write_seal: Is given the folder when all other files are in it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        sweep(self.path)
        newest = self._newest_first()
        number = int(newest[0].name) + 1 if newest else 1
        folder = self.path / f"{number:06}"
        aside = self.path / f".{folder.name}.tmp"
        aside.mkdir()
        try:
            reached("checkpoint begun")
            yield aside
            write_seal(aside)
            sync_tree(aside)
            reached("checkpoint written")
            aside.replace(folder)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        sync_folder(self.path)
        reached("checkpoint named")
        write_sealed(self.path / CURRENT, {"name": folder.name})
        reached("checkpoint pointed to")
        self._remove_others(folder)

    def sweep(self) -> None:
        """Remove all but the one that counts, as a process that died may have left others."""
        if self.exist():
            sweep(self.path)
            self._remove_others(self.find()[0])

    def _remove_others(self, kept: Path) -> None:
        for old in self._newest_first():
            if old != kept:
                shutil.rmtree(old, ignore_errors=True)

    def _newest_first(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        found = [p for p in self.path.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()]
        return sorted(found, key=lambda p: int(p.name), reverse=True)

    def _pointed(self) -> tuple[Path | None, str | None]:
        """Whom the pointer names, and what is wrong with it."""
        path = self.path / CURRENT
        try:
            return self.path / str(read_sealed(path, self.what_to_do)["name"]), None
        except FileNotFoundError:
            return None, None  # a run may die before it is written
        except (ArtifactError, KeyError) as error:
            return None, str(error)


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        logger.warning("%s", line)
