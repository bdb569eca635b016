"""Records on their way to a store: one thread per store delivers them, and the run never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from stemdist_ray.config.secrets import redact
from stemdist_ray.errors import ArtifactError
from stemdist_ray.tracking.journal import Journal, Leftover, Record

logger = logging.getLogger(__name__)

RETRY_AFTER = 30.0  # seconds between tries while the store is down
LONGEST_QUEUE = 10_000  # records in memory; what comes on top waits in its journal
_AT_THE_END = 60.0  # seconds that a store which answers may take for one record


class Refused(Exception):  # noqa: N818 - the store is well; this record will never be taken
    """The store will never take this record."""


class Store(Protocol):
    """Where records go to."""

    uri: str

    def check(self) -> None:
        """Make sure, in seconds, that the store answers."""

    def load(self) -> None:
        """Import what delivering needs."""

    def deliver(self, record: Record, again: bool) -> None:
        """Deliver one record; ``again`` = an earlier try may have got through."""

    def run_id(self, reference: str) -> str | None:
        """The store's own identifier of a run, None before it was begun there."""


@dataclass(frozen=True)
class _Parcel:
    record: Record
    number: int
    journal: Journal | Leftover
    again: bool


class Courier:
    """Delivers the records of all runs of this process that go to one store, in order.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.down = False
        self._queue: deque[_Parcel] = deque()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asked, self._answers = threading.Event(), False
        self._last_try, self._tries, self._count = 0.0, 0, 0
        self._reported = False
        self._hurry = False

    def submit(
        self, record: Record, number: int, journal: Journal | Leftover, again: bool = False
    ) -> bool:
        """Take a record on; False where too many are waiting."""
        with self._change:
            if len(self._queue) >= LONGEST_QUEUE:
                return False
            self._queue.append(_Parcel(record, number, journal, again))
            if self._thread is None:
                # A daemon: a store that hangs does not keep the process.
                self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
                self._thread.start()
            self._change.notify_all()
            return True

    def load(self) -> None:
        """Import MLflow in this thread, if the store is found to answer at once.

        Two threads that import at the same time may see each other's half-made modules.
        """
        if self._asked.wait(0.5) and self._answers:
            with suppress(ImportError):
                self.store.load()

    def wait(self, done: Callable[[], bool]) -> None:
        """Wait until something is delivered, as long as the store takes records."""
        with self._change:
            tries = self._tries
            if self.down and time.monotonic() - self._last_try > 5:
                self._hurry = True  # once more, before giving up
                self._change.notify_all()
                self._change.wait_for(lambda: self._tries > tries or done(), 3 * RETRY_AFTER)
            while not done() and not self.down:
                count = self._count
                if not self._change.wait_for(
                    lambda: done() or self.down or self._count > count,  # noqa: B023
                    _AT_THE_END,
                ):
                    return

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: bool(self._queue))
                while self.down and not self._hurry:
                    left = self._last_try + RETRY_AFTER - time.monotonic()
                    if left <= 0:
                        break
                    self._change.wait(left)
                self._hurry = False
                parcel = self._queue[0]
            error = self._try(parcel)
            with self._change:
                if error is None:
                    self._queue.popleft()
                    self._count += 1
                self._last_try, self.down = time.monotonic(), error is not None
                self._tries += 1
                self._change.notify_all()

    def _ask(self) -> None:
        try:
            self.store.check()
            self._answers = True
        finally:
            self._asked.set()

    def _try(self, parcel: _Parcel) -> Exception | None:
        """Deliver, or say why the store is out of reach."""
        try:
            if self.down or not self._answers:
                self._ask()
            self.store.deliver(parcel.record, parcel.again or self.down)
        except Refused as error:
            logger.warning("MLflow does not take a record (%s); going on", redact(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the run goes on
            if not self._reported:
                self._reported = True
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                where = redact(self.store.uri)
                logger.warning(
                    "MLflow at %s cannot be written (%s); going on", where, redact(reason)
                )
            return error
        with suppress(OSError, ArtifactError):
            parcel.journal.delivered(parcel.number)
        return None
