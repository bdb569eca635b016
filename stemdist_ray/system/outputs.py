"""Whether results can be written where they are wanted, found out before anything is computed."""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

from stemdist_ray.errors import ArtifactError, ConfigError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # Path makes one slash of two
_SQLITE = "sqlite:///"
_PROBE = bytes(64 * 1024)


def check_local(path: str | Path, name: str = "out") -> None:
    """Refuse addresses such as ``s3://bucket/run``, of which a path would make a folder ``s3:``.

    Raises:
        ConfigError: It is one.
    """
    if _SCHEME.match(str(path)):
        raise ConfigError(
            f"{name} is {path}, an address; results are written to a folder that this machine "
            "sees: give the path of one, such as a mounted bucket, and copy it from there"
        )


def sqlite_uri(path: Path) -> str:
    """The address of a SQLite file, with what means something in addresses quoted."""
    text = str(path.absolute())
    for character in "%?#":
        text = text.replace(character, f"%{ord(character):02X}")
    return f"{_SQLITE}{text}"


def sqlite_path(uri: str) -> Path | None:
    """The file that :func:`sqlite_uri` names, None for other addresses."""
    return Path(unquote(uri.removeprefix(_SQLITE))) if uri.startswith(_SQLITE) else None


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be written to a folder, or to where it would be made; None = it can.

    Args:
        folder: Existing or not.
    """
    there = folder.absolute()
    try:
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            return f"{there} is a file"
        with tempfile.NamedTemporaryFile(dir=there, prefix=".probe.", suffix=".tmp") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return None


def check_writable(folder: Path, name: str = "out") -> None:
    """Write a little to a folder, or to where it would be made, and remove it again.

    Raises:
        ArtifactError: That fails: no permission, no space, a file in its place.
    """
    reason = why_not_writable(folder)
    if reason is not None:
        raise ArtifactError(
            f"{folder} cannot be {'written to' if folder.exists() else 'created'}: {reason}; give "
            f"another `{name}`, or make room for it"
        )


def move_aside(path: Path) -> Path:
    """Rename a file or folder to ``<path>.previous``; one of that name gets its time besides."""
    previous = path.with_name(path.name + ".previous")
    if previous.exists():
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(previous.stat().st_mtime))
        older = previous.with_name(f"{previous.name}-{stamp}")
        number = 1
        while older.exists():  # two of one second
            number += 1
            older = previous.with_name(f"{previous.name}-{stamp}-{number}")
        previous.replace(older)
    return path.replace(previous)
