"""Write aside, then rename: what existed is whole at every moment."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a formula, or a way around this list, begins


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it replaces ``path`` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        _sync(aside)
        # mkstemp makes private files; give them the permissions any new file would have.
        aside.chmod(0o666 & ~_umask())
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path``; it takes the place of ``path`` on success.

    A folder cannot be renamed over a full one, so the old one steps aside first
    and is removed last.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    old = aside.with_suffix(".old")
    try:
        yield aside
        aside.chmod(0o777 & ~_umask())
        sync_tree(aside)
        if path.exists():
            path.replace(old)
        try:
            aside.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
        sync_folder(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what writes that never ended have left in a folder; nobody may be writing there."""
    for path in folder.glob(".*.tmp"):
        _remove(path)
    for path in folder.glob(".*.old"):
        # Between the two renames of a folder that was being replaced there is only the old one.
        whole = folder / path.name.removeprefix(".").rsplit(".", 2)[0]
        if whole.exists():
            _remove(path)
        else:
            path.replace(whole)


def sync_tree(folder: Path) -> None:
    """Bring a folder and the files in it to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the file system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # a folder that may be written to but not read
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems have no such thing
    finally:
        os.close(handle)


def write_json(path: Path, tree: Any) -> None:
    """Write JSON; numbers that are not finite become null, as JSON has no word for them."""
    text = json.dumps(finite(tree), indent=2, sort_keys=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        OSError, ValueError: It cannot be read, or is none.
    """
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records of the same keys as CSV, a header first; written aside and renamed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(records[0])
    for cells in (names, *([record[name] for name in names] for record in records)):
        # The writer leaves carriage returns as they are; readers would begin a row there.
        plain = [c.replace("\r", " ") if isinstance(c, str) else c for c in map(quoted_cell, cells)]
        writer.writerow(plain)
    write_text(path, text.getvalue())


def quoted_cell(value: Any) -> Any:
    """A cell of a CSV file, with an apostrophe in front of text that a spreadsheet would compute.

    Args:
        value: Numbers, as such or as text, stay as they are.
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def unquoted_cell(text: str) -> str:
    """The text that :func:`quoted_cell` put an apostrophe in front of."""
    return text[1:] if text.startswith("'") and quoted_cell(text[1:]) == text else text


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    with replacing_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def finite(tree: Any) -> Any:
    """Copy a JSON tree with NaN and infinities replaced by None."""
    if isinstance(tree, dict):
        return {k: finite(v) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [finite(v) for v in tree]
    if isinstance(tree, float) and not math.isfinite(tree):
        return None
    return tree


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
