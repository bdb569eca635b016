"""Which files a SOURCE means: one, all of a folder, or those that a pattern matches."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stemdist_ray.data.readers import READERS, Reader, find_reader
from stemdist_ray.data.readers.base_class import format_of_ending
from stemdist_ray.data.readers.structure import PARTS_OF_TIMES
from stemdist_ray.errors import DataError

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source.

    Args:
        source: As it was given.
        reader: Of all of them.
        paths: In natural order, in which 2 comes before 10.
        ignored: Files of a folder that are in no known format.
    """

    source: Path
    reader: Reader
    paths: tuple[Path, ...]
    ignored: tuple[Path, ...] = ()

    def keys(self, path: Path) -> dict[str, str]:
        """What the names of folders say of a file, as in ``station=A7/part-0.parquet``."""
        # Those of a pattern begin where it begins to vary.
        given = self.source.parts
        varies = [i for i, part in enumerate(given) if _PATTERN.search(part)]
        depth = varies[0] if varies and not self.source.exists() else len(given)
        pairs = (part.partition("=") for part in path.parts[depth:-1])
        return {
            name: value
            for name, equals, value in pairs
            # Years and days of folders are those of the times in their files.
            if name and equals and name.strip().lower() not in PARTS_OF_TIMES
        }


def source_files(source: str | Path) -> SourceFiles:
    """Find the files of a source and their reader.

    Args:
        source: A file; a folder in one of the formats that are folders, or one of files of one
            format that together are one series; or a pattern such as ``era5/*.nc``.

    Raises:
        DataError: Nothing is there, no reader knows it, or files are of several formats.
    """
    path = Path(source)
    if not path.exists() and _PATTERN.search(str(source)):
        # Patterns may be absolute, which those of Path may not.
        found = [Path(name) for name in glob.glob(str(source), recursive=True)]  # noqa: PTH207
        if not found:
            raise DataError(f"{source}: no file matches this pattern")
        return _of_one_format(path, found, ())
    if path.is_dir() and not _is_format(path):
        found = []
        ignored: list[Path] = []
        for item in _walk(path):
            (found if _is_format(item) else ignored).append(item)
        if found:
            return _of_one_format(path, found, tuple(ignored))
    return SourceFiles(path, find_reader(path), (path,))


def _is_format(path: Path) -> bool:
    if path.is_dir():
        folders = [r for r in READERS.values() if r.recognises_folder is not None]
        return any(r.recognises_folder is not None and r.recognises_folder(path) for r in folders)
    return format_of_ending(path) is not None


def _walk(folder: Path) -> Iterator[Path]:
    """Files, and folders that are a format, at any depth.

    Names that begin with a point or a line are no data: ``_SUCCESS``, ``.part.crc``.
    """
    for item in sorted(folder.iterdir()):
        if item.name.startswith((".", "_")):
            continue
        if item.is_dir() and not _is_format(item):
            yield from _walk(item)
        else:
            yield item


def _of_one_format(source: Path, paths: list[Path], ignored: tuple[Path, ...]) -> SourceFiles:
    by_format: dict[str, list[Path]] = {}
    for path in paths:
        by_format.setdefault(find_reader(path).name, []).append(path)
    if len(by_format) > 1:
        shown = ", ".join(f"{name} ({len(p)}: {p[0].name})" for name, p in by_format.items())
        raise DataError(
            f"{source}: holds files of several formats: {shown}; expected one. Name those that are "
            f"the series by a pattern, e.g. '{source.parent if '*' in source.name else source}/*"
            f"{paths[0].suffix}'"
        )
    (name,) = by_format
    return SourceFiles(source, READERS[name], tuple(sorted(paths, key=_natural)), ignored)


def _natural(path: Path) -> list[tuple[int, str]]:
    pieces = re.split(r"(\d+)", str(path))
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in pieces]
