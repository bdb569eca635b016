"""What a tracker was told and has not delivered yet, in a file: nothing is lost with a process.

A journal is a file of JSON lines in the folder ``undelivered`` of a run. Its first line says which
store it is for, without credentials; every record has a line of its own, and another one when it
was delivered. The file goes when everything in it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.config.secrets import conceal
from stemdist_ray.errors import ArtifactError

UNDELIVERED = "undelivered"
_FORMAT = 1


@dataclass(frozen=True)
class Record:
    """One thing that a tracker was told.

    Args:
        run: Reference of the run.
        call: ``start``, ``metrics``, ``artifact`` or ``finish``.
        data: Its arguments; plain values.
    """

    run: str
    call: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Address:
    """Where records go to.

    Args:
        uri: Of the store, whole or without its credentials.
        experiment: Name of the experiment.
        artifact_root: Where a new experiment keeps artifacts, None = the server decides.
    """

    uri: str
    experiment: str
    artifact_root: str | None = None


class Journal:
    """A journal that this process writes to, alone.

    Where the file cannot be written, as in a folder of somebody else's, records are only counted.

    Args:
        path: The file; None = no file.
        address: Of the store.
    """

    def __init__(self, path: Path | None, address: Address) -> None:
        self.path, self.address = path, address
        self.pending = 0
        self.finished = False
        self._file: int | None = None  # open for as long as this process may deliver
        self._count, self._lock = 0, threading.Lock()

    @property
    def kept(self) -> bool:
        """Whether records are in a file."""
        return self._file is not None

    def append(self, record: Record) -> int:
        """Write a record down; its number, from 1."""
        with self._lock:
            if self._count == 0 and self.path is not None:
                self._create(self.path)
            self._count += 1
            self.pending += 1
            fields = {"n": self._count, "run": record.run, "call": record.call, **record.data}
            self._write(fields)
            return self._count

    def delivered(self, number: int) -> None:
        """Note that a record was delivered; remove the file after the last one."""
        with self._lock:
            self.pending -= 1
            self._write({"done": number})
            self._tidy()

    def finish(self) -> None:
        """Nothing more will come."""
        with self._lock:
            self.finished = True
            self._tidy()

    def _create(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._close()
            return
        to = self.address
        head = {"format": _FORMAT, "store": conceal(to.uri), "experiment": to.experiment}
        self._write({**head, "artifact_root": to.artifact_root})

    def _write(self, fields: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            line = (json.dumps(fields, default=str) + "\n").encode()
            if os.write(self._file, line) < len(line):
                self._close()
        except OSError:  # a full disk: what is in memory may still be delivered
            self._close()

    def _tidy(self) -> None:
        if self.finished and self.pending == 0 and self._file is not None:
            self._close()
            remove(self.path)

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file = None


def remove(path: Path | None) -> None:
    """Remove a journal, and its folder after the last one."""
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()


class Leftover:
    """A journal that an earlier process left behind, held by this one.

    Args:
        path: The file.

    Raises:
        ArtifactError: The file is damaged.
        BlockingIOError: Its process is alive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("r+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.address, self.records = self._read()
        except BaseException:
            self._file.close()
            raise

    def delivered(self, number: int) -> None:
        """Note that a record was delivered; remove the file after the last one."""
        self.records.pop(number, None)
        self._file.seek(0, 2)
        self._file.write(json.dumps({"done": number}) + "\n")
        self._file.flush()
        if not self.records:
            self.close()
            remove(self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read(self) -> tuple[Address, dict[int, Record]]:
        text = self._file.read()
        # The last line may have been cut off as the process died.
        whole, _, rest = text.rpartition("\n")
        if rest:
            self._file.seek(0)
            self._file.truncate(len((whole + "\n").encode()) if whole else 0)
        try:
            if not whole:
                return Address("", ""), {}
            head, *lines = [json.loads(line) for line in whole.splitlines()]
            if head["format"] != _FORMAT:
                raise ValueError(f"format {head['format']}, expected {_FORMAT}")
            address = Address(head["store"], head["experiment"], head["artifact_root"])
            records: dict[int, Record] = {}
            for line in lines:
                if "done" in line:
                    records.pop(int(line["done"]), None)
                else:
                    number, run, call = int(line.pop("n")), line.pop("run"), line.pop("call")
                    records[number] = Record(str(run), str(call), line)
            return address, records
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{self.path} is damaged: {error}; remove it") from error


def leftovers(folder: Path) -> Iterator[Path]:
    """Journals in a folder and in all below it, oldest first."""
    found = folder.rglob(f"{UNDELIVERED}/*.jsonl")
    yield from sorted(found, key=lambda path: (path.stem.partition("-")[0], path))
