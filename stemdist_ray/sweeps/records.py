"""What is known of the trials of a sweep, on disk: one JSON file per trial, written aside."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter

from stemdist_ray.artifact.sweep_files import BEST, RESULTS, SETTINGS
from stemdist_ray.errors import ArtifactError, StemdistError
from stemdist_ray.system.files import write_text
from stemdist_ray.system.seal import FILES, OWN, read_sealed, write_sealed

Status = Literal["running", "finished", "stopped", "failed"]
SETTINGS_VERSION = 3
_UNSEALED = 2  # sweeps begun with releases that did not seal yet are gone on with
_RECORD_VERSION = 1
_WHAT_TO_DO = "restore it, or begin the sweep anew in another folder"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
OBJECTIVES = ("error", "bytes", "train_seconds")


@dataclass(frozen=True)
class Proposed:
    """Which proposal a trial was, from 1, and what the sampler wants to find again of it."""

    index: int
    attributes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Args:
        id: Tune's name of it; its folder is called so.
        number: Counted from 1 in the order in which trials began.
        point: What was tried.
        status: "stopped" = early, by the scheduler.
        reason: Why it failed.
        run_id: Its tracking run.
        metrics: Of the last report: round, error, bytes, train_seconds, windows, locations,
            seconds, worker_peak_mib; empty before the first.
        history: (round, error so far) of every report.
        test: Of chosen trials: test relative RMSE, mean and std.
        proposal: None in the records of earlier releases.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    number: int
    point: dict[str, Any]
    status: Status = "running"
    reason: str | None = None
    run_id: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    history: tuple[tuple[int, float], ...] = ()
    test: dict[str, float] | None = None
    proposal: Proposed | None = None

    def values(self, objectives: Sequence[str]) -> list[float]:
        """The objectives; infinite where nothing was reported."""
        return [float(self.metrics.get(name, float("inf"))) for name in objectives]

    def to_row(self) -> dict[str, Any]:
        """One flat row of the table of trials."""
        test = self.test or {}
        return {
            "trial": self.number,
            "status": self.status,
            **self.point,
            "windows": self.metrics.get("windows"),
            "locations": self.metrics.get("locations"),
            "rounds": self.metrics.get("round"),
            "validation_relative_rmse": self.metrics.get("error"),
            "bytes": self.metrics.get("bytes"),
            "train_seconds": self.metrics.get("train_seconds"),
            "seconds": self.metrics.get("seconds"),
            "test_relative_rmse": test.get("mean"),
            "test_relative_rmse_std": test.get("std"),
            "reason": self.reason,
            "id": self.id,
        }


class SweepStore:
    """The one place that knows the files of a sweep.

    Args:
        folder: Output folder of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.settings = self.folder / SETTINGS
        self.results = self.folder / RESULTS
        self.trials_csv = self.folder / "trials.csv"
        self.front_csv = self.folder / "pareto.csv"
        self.best = self.folder / BEST
        self.clusterings = self.folder / "clusterings"
        self.teachers = self.folder / "teachers"
        self._records = self.folder / "records"

    def exists(self) -> bool:
        """Whether there is a sweep in the folder."""
        return self.settings.exists()

    def trial(self, identifier: str) -> Path:
        """The folder of a trial's distilled data."""
        return self.folder / "trials" / identifier

    def failure(self, identifier: str) -> Path:
        """Where a trial writes down why it cannot succeed."""
        return self.folder / "records" / f"{identifier}.failed"

    def refuse_failed(self, identifier: str) -> None:
        """End a second attempt at a trial that cannot succeed.

        Raises:
            StemdistError: An attempt before has written down why.
        """
        failure = self.failure(identifier)
        if failure.exists():
            raise StemdistError(failure.read_text(encoding="utf-8"))

    def keep_failure(self, identifier: str, reason: str) -> None:
        """Write down, as one line, why a trial cannot succeed."""
        write_text(self.failure(identifier), " ".join(reason.split()))

    def read_settings(self) -> dict[str, Any]:
        """Settings, source and tracking run of the sweep.

        Raises:
            ArtifactError: There is no sweep, or the file is damaged.
        """
        if not self.exists():
            raise ArtifactError(
                f"{self.folder} holds no sweep to go on with; leave out resume=True"
            )
        try:
            # Any earlier version may be without a seal: what is wrong with it is its version.
            before = range(SETTINGS_VERSION)
            tree = read_sealed(self.settings, _WHAT_TO_DO, unsealed=(None, *before))
        except FileNotFoundError as error:
            raise ArtifactError(f"{self.settings} is gone; {_WHAT_TO_DO}") from error
        version = tree.get("version")
        if version not in (_UNSEALED, SETTINGS_VERSION):
            raise ArtifactError(
                f"{self.settings} has version {version}, expected {SETTINGS_VERSION}: the sweep "
                "was begun with another release of stemdist_ray; begin anew in another folder"
            )
        return tree

    def write_settings(self, tree: dict[str, Any]) -> None:
        """Write what :meth:`read_settings` reads."""
        write_sealed(self.settings, tree)

    def write(self, record: TrialRecord) -> None:
        """Write what is known of a trial."""
        tree = {"version": _RECORD_VERSION, **asdict(record)}
        write_sealed(self._records / f"{record.id}.json", tree)

    def records(self) -> list[TrialRecord]:
        """All trials, in the order in which they began.

        Raises:
            ArtifactError: A file is damaged.
        """
        found = []
        for path in sorted(self._records.glob("*.json")):
            tree = read_sealed(path, _WHAT_TO_DO, unsealed=(None,))
            try:
                for name in ("version", FILES, OWN):
                    tree.pop(name, None)
                # JSON has no word for numbers that are not finite.
                metrics = tree["metrics"].items()
                tree["metrics"] = {k: math.nan if v is None else v for k, v in metrics}
                record = _RECORD.validate_python(tree)
                # Trials have folders called so, which a record must not lead out of the sweep.
                if record.id != path.stem or not _NAME.fullmatch(record.id):
                    raise ValueError(f"it calls its trial {record.id!r}")
                found.append(record)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ArtifactError(f"{path} is damaged: {error}; {_WHAT_TO_DO}") from error
        return sorted(found, key=lambda r: r.number)


_RECORD = TypeAdapter(TrialRecord)


def with_report(record: TrialRecord, metrics: dict[str, float]) -> TrialRecord:
    """A record after another report. A trial that begins again may repeat its last round."""
    point = (int(metrics["round"]), float(metrics["error"]))
    earlier = tuple(h for h in record.history if h[0] < point[0])
    return replace(record, metrics=metrics, history=(*earlier, point))
