"""What the pipeline tells an experiment tracker; only the driver does, workers return values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class RunDescription:
    """What is known of a run before it starts.

    Args:
        name: Shown in lists of runs.
        params: Flat configuration.
        tags: Free labels.
        dataset: ``name``, ``digest``, ``source`` and ``profile`` of the input, or empty.
        parent_run_id: Run this one belongs to.
        existing_run_id: Run to go on with (resume). Both may be references.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    parent_run_id: str | None = None
    existing_run_id: str | None = None


class Tracker(Protocol):
    """Keeps a record of runs. Never raises and never waits: an outage must not end a run."""

    @property
    def reference(self) -> str | None:
        """What a run is found again by, at once: its identifier, or a name of ours until then."""
        ...

    @property
    def run_id(self) -> str | None:
        """Identifier of the run, None where there is none; waits for a store that answers."""
        ...

    def start(self, run: RunDescription) -> None:
        """Begin or go on with a run."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record numbers."""

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file, or a folder with everything in it."""

    def finish(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED."""


class NullTracker:
    """Keeps nothing; used where tracking is off."""

    reference: str | None = None
    run_id: str | None = None

    def start(self, run: RunDescription) -> None:
        """Do nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Do nothing."""

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Do nothing."""

    def finish(self, status: str) -> None:
        """Do nothing."""
