"""Names of the files in a sweep's folder that others read, too."""

from __future__ import annotations

from pathlib import Path

SETTINGS, RESULTS, BEST = "sweep.json", "results.json", "best"
RESULTS_VERSION = 1  # releases before wrote none, and did not seal the file


def is_sweep(folder: Path) -> bool:
    """Whether a folder holds a sweep."""
    return (folder / SETTINGS).exists()
