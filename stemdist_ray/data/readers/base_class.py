"""How a source name finds its reader, and helpers that readers share."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import pandas as pd
import pyarrow as pa

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.text import COMPRESSED, inner_ending
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

GRID_SETTINGS = frozenset({"select", "group", "duplicates"})
UNREADABLE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError),
    *(OSError, RuntimeError, SyntaxError, SystemError, TypeError, ValueError, TokenError),
    struct.error,
    pa.ArrowException,  # without a built-in class where text is no text
)
"""What libraries raise on bytes that they did not expect; most have no error of their own."""
_ALL_FORMATS = frozenset({"resample"})  # for any series with time stamps


@dataclass(frozen=True)
class Reader:
    """One format.

    Args:
        name: Shown by ``describe``.
        suffixes: File endings it claims.
        magic: First bytes it recognises where the ending says nothing.
        recognises_folder: Whether a folder is in this format, None = it reads files only.
        read: Turns a path into a series; asks the budget before it allocates.
        stream: Turns a path into consecutive blocks of steps of at most that many bytes, for
            files larger than memory; None = the format cannot be read in blocks.
        settings: Those of :class:`stemdist_ray.config.ReadConfig` that it heeds; any other is
            refused rather than overlooked.
        compressed: Whether it reads files with a second ending of a compression, as in .csv.gz.
        frames: Turns a path into the rows of its table, in parts, so that those of several files
            can be one table; None = its files hold no tables.
        file_names: Names of files it claims whatever their endings are.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...]
    read: Callable[[Path, ReadConfig, MemoryBudget], SpatioTemporalSeries]
    recognises_folder: Callable[[Path], bool] | None = None
    stream: Callable[[Path, ReadConfig, int], Iterator[SpatioTemporalSeries]] | None = None
    settings: frozenset[str] = frozenset()
    compressed: bool = False
    frames: Callable[[Path, ReadConfig, MemoryBudget], Iterator[pd.DataFrame]] | None = None
    file_names: tuple[str, ...] = ()

    def check(self, path: Path, options: ReadConfig) -> None:
        """Refuse settings that say nothing about this format.

        Raises:
            DataError: Names the first of them.
        """
        check_settings(options, self.settings, path, f"the format {self.name}")


def check_settings(
    options: ReadConfig, heeded: frozenset[str], path: Path | str, what: str
) -> None:
    """Refuse settings that say nothing about what is read.

    Args:
        options: As they were given.
        heeded: Names of those that matter.
        path: For messages.
        what: What is read, for messages.

    Raises:
        DataError: Names the first of them.
    """
    for name in sorted(options.model_fields_set - heeded - _ALL_FORMATS):
        if getattr(options, name) != getattr(ReadConfig(), name):
            raise DataError(f"{path}: data.read.{name} says nothing about {what}; leave it out")


READERS: dict[str, Reader] = {}


def register_reader(reader: Reader) -> Reader:
    """Make a reader known."""
    READERS[reader.name] = reader
    return reader


def find_reader(path: Path) -> Reader:
    """Choose the reader of a path by ending, then by content.

    Raises:
        DataError: Nothing is there, or no reader knows it.
    """
    if not path.exists():
        raise DataError(
            f"{path}: no such file or folder; SOURCE is a path, demo, or sim:traffic?..."
        )
    if path.is_dir():
        for reader in READERS.values():
            if reader.recognises_folder is not None and reader.recognises_folder(path):
                return reader
        raise DataError(f"{path}: a folder of no known format, nor of files of one; {_known()}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    known = format_of_ending(path)
    if known is not None:
        named = path.name in known.file_names or suffix in known.suffixes
        if not named and not known.compressed:
            raise DataError(f"{path}: files of the format {known.name} are not read compressed")
        return known
    with path.open("rb") as file:
        head = file.read(16)
    for reader in READERS.values():
        if any(head.startswith(magic) for magic in reader.magic):
            return reader
    raise DataError(f"{path}: unknown format (ending {suffix or 'none'!s}); {_known()}")


def format_of_ending(path: Path) -> Reader | None:
    """The reader that claims the ending of a file, or the one before that of a compression."""
    for reader in READERS.values():
        if path.name in reader.file_names:
            return reader
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if suffix in COMPRESSED else None
    if suffix == ".zip" and not inner and path.is_file():
        inner = inner_ending(path)
    for reader in READERS.values():
        if reader.recognises_folder is None and (
            suffix in reader.suffixes or inner in reader.suffixes
        ):
            return reader
    return None


def in_a_line(error: BaseException) -> str:
    """What an error says, for the end of a message; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def _known() -> str:
    endings = sorted({s for r in READERS.values() for s in r.suffixes})
    return (
        f"known file endings: {' '.join(endings)}; known folders: Zarr, train/val/test.npz "
        "windows, BasicTS, LibCity, datasets.save_to_disk, and what stemdist convert writes"
    )


def steps_per_block(block_bytes: int, locations: int, features: int) -> int:
    """How many steps of float32 readings fit a block (at least one)."""
    return max(1, block_bytes // (4 * locations * features))
