"""A folder that one process at a time may write to, on this machine or on several that share it.

The owner keeps ``.lease`` there: who it is, in JSON, and the time at which it last gave a sign of
life as the file's own. A lease whose process is dead, or on another machine has given no sign for a
minute, is taken over.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import psutil

from stemdist_ray.errors import FolderInUseError

LEASE = ".lease"
BEAT = 10.0  # seconds between signs of life
SILENCE = 60.0  # after which an owner on another machine counts as dead


@dataclass(frozen=True)
class Owner:
    """Who owns a folder.

    Args:
        host: Name of the machine and, on Linux, of the space of process numbers.
        pid: Of the process.
        started: When it was started, seconds since 1970.
        since: When it took the lease, as text.
        command: Its first words.
    """

    host: str
    pid: int
    started: float
    since: str
    command: str

    @classmethod
    def myself(cls) -> Owner:
        """The process that asks."""
        return cls(
            host=_host(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            since=time.strftime("%Y-%m-%d %H:%M:%S"),
            command=" ".join(Path(word).name for word in sys.argv[:2]),
        )

    def is_dead(self, age: float) -> bool:
        """Whether it lives no more, for all that can be known here.

        Args:
            age: Seconds since its last sign of life.
        """
        if self.host != _host():
            return age > SILENCE
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > 1.0
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False


_mine: dict[str, int] = {}  # leases of this process, and of which process it was before a fork
_lock = threading.Lock()


class Lease:
    """Ownership of a folder, while the block runs.

    Args:
        folder: An existing folder.

    Raises:
        FolderInUseError: Another run owns it, in this process or elsewhere.
        OSError: No file can be made in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LEASE
        self._key, self._ended = str(folder.resolve()), threading.Event()
        self._text = json.dumps(asdict(Owner.myself()))

    def __enter__(self) -> Lease:
        """Take it."""
        with _lock:
            if _mine.get(self._key) == os.getpid():
                raise FolderInUseError(
                    f"{self.folder} is in use by another run of this process; wait for it, or "
                    "choose another folder"
                )
            self._take()
            _mine[self._key] = os.getpid()
        threading.Thread(target=self._beat, daemon=True, name="lease").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._ended.set()
        with _lock:
            _mine.pop(self._key, None)
            if _read(self.path) == self._text:
                self.path.unlink(missing_ok=True)

    def _take(self) -> None:
        for _ in range(3):
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._remove_dead()
                continue
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self._text)
                file.flush()
                os.fsync(file.fileno())
            if _read(self.path) == self._text:
                return
        raise FolderInUseError(f"{self.folder} is being taken by another run; try again")

    def _remove_dead(self) -> None:
        """Remove the lease of a dead owner; two who try at once do not both succeed."""
        text, age = _read(self.path), self._age()
        if text is None or age is None:
            return  # given back in this moment
        owner = _owner(text)
        # Half a lease is one that is being written, or whose writer died at it.
        dead = age > SILENCE if owner is None else owner.is_dead(age)
        own = owner is not None and (owner.host, owner.pid) == (_host(), os.getpid())
        if not dead and not own:
            who = "another process"
            if owner is not None:
                who = f"process {owner.pid} ({owner.command}) on {_name(owner.host)}"
                who = f"{who} since {owner.since}"
            raise FolderInUseError(
                f"{self.folder} is in use by {who}; wait for it, or choose another folder"
            )
        aside = self.folder / f"{LEASE}.{_name(_host())}.{os.getpid()}.tmp"
        try:
            self.path.replace(aside)
        except FileNotFoundError:
            return  # somebody else removed it
        if _read(aside) != text:  # and took the folder before us: theirs goes back
            with suppress(FileExistsError):
                os.link(aside, self.path)
        aside.unlink(missing_ok=True)

    def _age(self) -> float | None:
        """Seconds since the owner's last sign of life, by the clock of the file system."""
        probe = self.folder / f"{LEASE}.clock.{_name(_host())}.{os.getpid()}.tmp"
        try:
            probe.write_text("", encoding="utf-8")
            now = probe.stat().st_mtime
            return now - self.path.stat().st_mtime
        except FileNotFoundError:
            return None
        finally:
            probe.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            if _read(self.path) != self._text:
                return  # the folder has moved, or somebody took it over
            try:
                os.utime(self.path)
            except OSError:
                continue  # a network file system that is away for a moment


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _owner(text: str) -> Owner | None:
    try:
        tree = json.loads(text)
        return Owner(
            host=str(tree["host"]),
            pid=int(tree["pid"]),
            started=float(tree["started"]),
            since=str(tree["since"]),
            command=str(tree["command"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _host() -> str:
    """Containers may share the name of a machine; their process numbers are then not the same."""
    try:
        space = f" {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        space = ""
    return socket.gethostname() + space


def _name(host: str) -> str:
    return host.split(" ")[0]
