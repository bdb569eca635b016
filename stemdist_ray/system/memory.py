"""Peak memory of the process, per stage."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from types import TracebackType
from typing import ClassVar

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def peak_rss_mib() -> float:
    """Highest resident memory of this process since the last reset, MiB."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return _peak_since_start_mib()
    return _peak_since_start_mib()


def _peak_since_start_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


class PeakMemory:
    """Measure the peak resident memory inside a ``with`` block; blocks may be nested.

    On systems that cannot reset the peak (only Linux can) ``peak_mib`` is the
    peak since the process started.
    """

    _active: ClassVar[list[PeakMemory]] = []

    def __init__(self) -> None:
        self.peak_mib = 0.0

    def __enter__(self) -> PeakMemory:
        self._note()
        _reset_peak()
        self._active.append(self)
        return self

    def so_far(self) -> float:
        """Peak inside the block until now, MiB."""
        self._note()
        return self.peak_mib

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._note()
        self._active.remove(self)

    @classmethod
    def _note(cls) -> None:
        # A nested block resets the kernel's counter, so outer blocks take note first.
        peak = peak_rss_mib()
        for block in cls._active:
            block.peak_mib = max(block.peak_mib, peak)
