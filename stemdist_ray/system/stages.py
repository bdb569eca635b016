"""Seconds and peak memory per stage of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from stemdist_ray.system.memory import PeakMemory


@dataclass(frozen=True)
class StageRecord:
    """What one stage cost the driver.

    Args:
        seconds: Wall time.
        peak_rss_mib: Highest resident memory of the driver during it.
    """

    seconds: float
    peak_rss_mib: float


class StageClock:
    """Collects stage records by name, in the order in which they began."""

    def __init__(self) -> None:
        self._done: dict[str, StageRecord] = {}
        self._running: dict[str, tuple[float, PeakMemory]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        with PeakMemory() as memory:
            self._running[name] = time.perf_counter(), memory
            try:
                yield
            finally:
                self._done[name] = self._record(name)
                del self._running[name]

    def running(self) -> tuple[str, float] | None:
        """The stage that runs, the innermost of them, and its seconds; None between stages."""
        stages = list(self._running.items())  # another thread may ask
        if not stages:
            return None
        name, (begun, _) = stages[-1]
        return name, time.perf_counter() - begun

    def add_earlier(self, records: Mapping[str, StageRecord]) -> None:
        """Add what the same work had cost before it was interrupted."""
        own, self._done = self._done, dict(records)
        for name, record in own.items():
            before = self._done.get(name, StageRecord(0.0, 0.0))
            self._done[name] = StageRecord(
                seconds=round(before.seconds + record.seconds, 3),
                peak_rss_mib=max(before.peak_rss_mib, record.peak_rss_mib),
            )

    def records(self) -> dict[str, StageRecord]:
        """All stages so far; of one that is running, what it has cost until now."""
        return {**self._done, **{name: self._record(name) for name in self._running}}

    def _record(self, name: str) -> StageRecord:
        begun, memory = self._running[name]
        before = self._done.get(name, StageRecord(0.0, 0.0))
        return StageRecord(
            seconds=round(before.seconds + time.perf_counter() - begun, 3),
            peak_rss_mib=round(max(before.peak_rss_mib, memory.so_far()), 1),
        )
