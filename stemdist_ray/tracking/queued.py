"""The tracker of a run: writes down what it is told, and leaves delivering to a courier."""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stemdist_ray.config.secrets import redact
from stemdist_ray.errors import ArtifactError
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.delivery import Courier
from stemdist_ray.tracking.journal import UNDELIVERED, Address, Journal, Leftover, Record, leftovers
from stemdist_ray.tracking.system_metrics import SystemSampler

logger = logging.getLogger(__name__)


class QueuedTracker:
    """Keeps a record of one run in a store that may be slow, or away.

    Args:
        courier: Delivers to the store.
        address: Of the store.
        folder: Of the run: what is not delivered lies there. None = in memory only.
        sampled: Whether the machine's load is recorded while the run goes on.
    """

    def __init__(
        self, courier: Courier, address: Address, folder: Path | None, sampled: bool = False
    ) -> None:
        self._courier, self._folder = courier, folder
        # The time comes first, so that names are in the order in which runs began.
        name = f"{time.time_ns() // 1000:017d}-{uuid.uuid4().hex[:8]}.jsonl"
        path = None if folder is None else folder.absolute() / UNDELIVERED / name
        self._journal = Journal(path, address)
        self._reference: str | None = None
        self._left_out = 0
        self._lock = threading.Lock()  # samples come from another thread
        self._sampler = SystemSampler(self.log_metrics) if sampled else None

    @property
    def reference(self) -> str | None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        if self._reference is None:
            return None
        return self._courier.store.run_id(self._reference) or self._reference

    @property
    def run_id(self) -> str | None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        reference = self._reference
        if reference is None:
            return None
        self._courier.wait(self._is_delivered)
        return self._courier.store.run_id(reference)

    def start(self, run: RunDescription) -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        self._deliver_leftovers()
        self._reference = run.existing_run_id or f"ref-{uuid.uuid4().hex}"
        params = {name: str(value) for name, value in run.params.items()}
        self._submit("start", {**asdict(run), "params": params, "when": _now()})
        self._courier.load()
        if self._sampler is not None:
            self._sampler.start()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`; leaves out what is not finite."""
        known = {k: float(v) for k, v in metrics.items() if v is not None and math.isfinite(v)}
        self._submit("metrics", {"values": known, "step": step or 0, "when": _now()})

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        self._submit("artifact", {"path": str(path.absolute()), "folder": folder})

    def finish(self, status: str) -> None:
        """See :class:`stemdist_ray.tracking.base_class.Tracker`."""
        if self._sampler is not None:
            self._sampler.stop()
        self._submit("finish", {"status": status, "when": _now()})
        journal = self._journal
        self._courier.wait(self._is_delivered)
        if journal.pending:
            where = redact(self._courier.store.uri)
            logger.warning("MLflow at %s stayed out of reach: %s", where, self._what_waits())
        journal.finish()

    def _is_delivered(self) -> bool:
        return self._journal.pending == self._left_out

    def _what_waits(self) -> str:
        count = self._journal.pending
        if self._journal.kept:
            return f"{count} records wait; deliver them with: stemdist sync {self._folder}"
        return f"{count} records were not delivered; all results are on disk"

    def _submit(self, call: str, data: dict[str, Any]) -> None:
        if self._reference is None:
            return
        record = Record(self._reference, call, data)
        with self._lock:
            number = self._journal.append(record)
            if self._left_out or not self._courier.submit(record, number, self._journal):
                self._left_out += 1  # in order: what comes after it waits for sync, too

    def _deliver_leftovers(self) -> None:
        """Send on ahead what earlier processes left in the folder for the same store."""
        if self._folder is None:
            return
        for path in leftovers(self._folder):
            try:
                left = Leftover(path)
            except (OSError, ArtifactError):
                continue  # of a run that is alive, or damaged: sync says so
            if not left.records or not same_store(left.address, self._journal.address):
                left.close()
                continue
            for number, record in list(left.records.items()):
                self._courier.submit(record, number, left, again=True)


def same_store(left: Address, right: Address) -> bool:
    """Whether two addresses, one of them without credentials, are of the same store."""
    one, other = (redact(address.uri) for address in (left, right))
    return (one, left.experiment) == (other, right.experiment)


def _now() -> int:
    return int(time.time() * 1000)
