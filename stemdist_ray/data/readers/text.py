"""Opening text files as they come: compressed, in other encodings, with comments on top."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO

from stemdist_ray.config import ReadConfig
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need

# What spreadsheets write on top, and comments.
_SAYS_SEPARATOR = re.compile(r"sep=.\s*$")
UTF_8 = "utf-8-sig"  # with or without a mark in front
COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def commonest_separator(line: str) -> str:
    """Comma, semicolon, tab or bar, whichever a line has most of."""
    return max(",;\t|", key=line.count)


@contextmanager
def opened_text(path: Path, options: ReadConfig) -> Iterator[TextIO]:
    """Open a text file at its first line that is no comment (one that begins with ``#``).

    Args:
        path: The file; its ending tells how it is compressed.
        options: ``encoding``; UTF-8 unless it is given.

    Raises:
        DataError: The encoding does not exist, or another one is plain to see.
    """
    try:
        with _binary(path) as file:
            mark = file.read(2)
            file.seek(0)
            if options.encoding is None and mark in _MARKS:
                raise DataError(
                    f"{path}: not a text file in UTF-8 but in {_MARKS[mark]}; say so by "
                    f"data.read.encoding: {_MARKS[mark]}"
                )
            text = TextIOWrapper(file, encoding=options.encoding or UTF_8, newline="")
            begin = text.tell()
            # tell() goes with readline() only, not with iteration.
            while (line := text.readline()).startswith("#") or _SAYS_SEPARATOR.match(line):
                begin = text.tell()
            del line
            text.seek(begin)
            yield text
            text.detach()
    except LookupError as error:
        raise DataError(f"{path}: data.read.encoding: {error}") from error
    except UnicodeDecodeError as error:
        wanted = options.encoding or "UTF-8"
        raise DataError(
            f"{path}: not a text file in {wanted}: {error.reason}; say which encoding it has by "
            "data.read.encoding, e.g. latin-1"
        ) from error
    except (EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: is damaged: {' '.join(str(error).split())}") from error


@contextmanager
def _binary(path: Path) -> Iterator[IO[bytes]]:
    ending = path.suffix.lower()
    if ending == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = _members(archive)
            if len(names) != 1:
                raise DataError(f"{path}: holds {len(names)} files; expected one")
            with archive.open(names[0]) as file:
                yield file
        return
    if ending == ".zst":
        zstd = _zstd()
        try:
            with zstd.open(path, "rb") as file:
                yield file
        except zstd.ZstdError as error:
            raise DataError(f"{path}: is damaged: {' '.join(str(error).split())}") from error
        return
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    with openers.get(ending, open)(path, "rb") as file:
        yield file


def _members(archive: zipfile.ZipFile) -> list[str]:
    """Files of an archive, without what macOS adds to them."""
    return [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]


def inner_ending(path: Path) -> str | None:
    """Ending of the only file of a zip archive, None where there is another number of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = _members(archive)
    except (OSError, zipfile.BadZipFile):
        return None
    return Path(names[0]).suffix.lower() if len(names) == 1 else None


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        return import_module("compression.zstd")
    need("reading .zst", "formats", "backports.zstd")
    return import_module("backports.zstd")
