"""Sealed files: every changed bit, of the file itself or of those it vouches for, is found.

A sealed JSON file ends with ``"files"``, the sha256 of every file beside it that it vouches for,
and ``"sha256"``, that of its own bytes with 64 zeros in place of this value. A sealed block of
bytes begins with a line that holds the sha256 of the rest.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.files import finite, replacing_file, write_text

logger = logging.getLogger(__name__)

_Kept = TypeVar("_Kept")

FILES, OWN = "files", "sha256"
_ZEROS = "0" * 64
_FIRST_LINE = b"stemdist sealed, sha256 "


def write_sealed(path: Path, tree: dict[str, Any], files: Iterable[str] = ()) -> None:
    """Write a JSON object that vouches for itself and for files beside it.

    Args:
        path: Of the JSON file.
        tree: The object; numbers that are not finite become null.
        files: Names of files in the same folder, or below it, that are complete.
    """
    vouched = {name: file_hash(path.parent / name) for name in sorted(files)}
    whole = {**finite(tree), FILES: vouched, OWN: _ZEROS}
    text = json.dumps(whole, indent=2, allow_nan=False) + "\n"
    own = hashlib.sha256(text.encode()).hexdigest()
    write_text(path, text.removesuffix(_end(_ZEROS)) + _end(own))


def read_sealed(
    path: Path,
    what_to_do: str,
    loose: Collection[str] = (),
    unsealed: Collection[Any] = (),
    at: Callable[[str], Path] | None = None,
) -> dict[str, Any]:
    """Read a sealed JSON object and make sure that all it vouches for is as it was written.

    Args:
        path: Of the JSON file.
        what_to_do: How the message of an error ends, e.g. "restore it, or distil again".
        loose: Files that people may edit: a change of one is only logged.
        unsealed: Values of ``version`` or ``schema_version`` of releases that did not seal yet.
        at: Where the files are that it vouches for, by name; None = beside it.

    Returns:
        The object; without a seal, as of these releases, it has no ``files``.

    Raises:
        FileNotFoundError: There is no such file.
        ArtifactError: It, or a file that it vouches for, is damaged or missing.
    """
    tree = _verified(path, what_to_do, unsealed)
    for name, wanted in tree.get(FILES, {}).items():
        beside = path.parent / name if at is None else at(name)
        try:
            if file_hash(beside) == wanted:
                continue
            found = "is not as it was written"
        except FileNotFoundError:
            found = "is missing"
        except OSError as error:
            found = f"cannot be read ({error.strerror})"
        if name in loose:
            logger.warning("%s %s; it is not used", beside, found)
        else:
            raise ArtifactError(f"{beside.parent} is damaged: {name} {found}; {what_to_do}")
    return tree


def _verified(path: Path, what_to_do: str, unsealed: Collection[Any]) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        tree = json.loads(content.decode("utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; {what_to_do}") from error
    if not isinstance(tree, dict):
        raise ArtifactError(
            f"{path} is damaged: expected an object, found {type(tree).__name__}; {what_to_do}"
        )
    if OWN not in tree and tree.get("schema_version", tree.get("version")) in unsealed:
        return tree
    end = _end(str(tree.get(OWN))).encode()
    blank = content.removesuffix(end) + _end(_ZEROS).encode()
    own = hashlib.sha256(blank).hexdigest()
    if not content.endswith(end) or own != tree.get(OWN) or not isinstance(tree.get(FILES), dict):
        raise ArtifactError(f"{path} is damaged: it is not as it was written; {what_to_do}")
    return tree


def _end(digest: str) -> str:
    return f'  "{OWN}": "{digest}"\n}}\n'


def file_hash(path: Path) -> str:
    """The sha256 of a file's bytes, as ``sha256sum`` says it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sealed_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write bytes with a line before them that holds their sha256."""
    with replacing_file(path) as aside, aside.open("wb") as file:
        file.write(_FIRST_LINE + hashlib.sha256(content).hexdigest().encode() + b"\n")
        file.write(content)


def read_sealed_bytes(path: Path, what_to_do: str, unsealed: bytes = b"") -> bytes:
    """Read what :func:`write_sealed_bytes` wrote.

    Args:
        path: Of the file.
        what_to_do: How the message of an error ends.
        unsealed: How files of releases begin that did not seal yet; they are read as they are.

    Raises:
        FileNotFoundError: There is no such file.
        ArtifactError: It is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}; {what_to_do}") from error
    if unsealed and content.startswith(unsealed):
        return content
    line, newline, rest = content.partition(b"\n")
    digest = hashlib.sha256(rest).hexdigest().encode()
    if not newline or line != _FIRST_LINE + digest:
        raise ArtifactError(f"{path} is damaged: it is not as it was written; {what_to_do}")
    return rest


def read_kept(path: Path, parse: Callable[[bytes], _Kept]) -> _Kept | None:
    """Read what an earlier run has trained and sealed, where that is there and whole.

    Args:
        path: Of a file of :func:`write_sealed_bytes`.
        parse: Makes something of its content; may raise what readers of NPZ files do.

    Returns:
        None where there is none, or a damaged one (which is logged): it is trained again.
    """
    try:
        return parse(read_sealed_bytes(path, "it is trained again"))
    except FileNotFoundError:
        return None
    except ArtifactError as error:
        logger.warning("%s", error)
    except (OSError, EOFError, LookupError, TypeError, ValueError, BadZipFile) as error:
        logger.warning("%s is damaged: %r; it is trained again", path, error)
    return None
