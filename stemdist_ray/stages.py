"""Seconds and peak memory per stage of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stemdist_ray.memory import PeakMemory


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
    """Collects stage records by name, in the order in which they ran."""

    def __init__(self) -> None:
        self.records: dict[str, StageRecord] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block."""
        begun = time.perf_counter()
        with PeakMemory() as memory:
            yield
        self.records[name] = StageRecord(time.perf_counter() - begun, memory.peak_mib)

    def to_json(self) -> dict[str, dict[str, float]]:
        """``{"read": {"seconds": ..., "peak_rss_mib": ...}, ...}``."""
        return {
            name: {"seconds": round(r.seconds, 3), "peak_rss_mib": round(r.peak_rss_mib, 1)}
            for name, r in self.records.items()
        }
