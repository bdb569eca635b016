"""What the driver does when something happens to a trial: write it down, track it, tell it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import Reporter
from stemdist_ray.sweeps.records import Proposed, SweepStore, TrialRecord, with_report
from stemdist_ray.sweeps.space import Point
from stemdist_ray.tracking.base_class import NullTracker, RunDescription, Tracker


class SweepMonitor:
    """Keeps the records of a sweep, one tracking run per trial, and people informed.

    Args:
        store: Where records are kept; those of an interrupted sweep are gone on with.
        reporter: Told one line per change of a trial's state.
        planned: Trials in all.
        concurrent: Trials at a time.
        open_tracker: Opens the tracking run of a trial, given its description.
        params: All settings of a point, for its tracking run.
        parent_run_id: Tracking run of the sweep.
    """

    def __init__(
        self,
        store: SweepStore,
        reporter: Reporter,
        planned: int,
        concurrent: int,
        open_tracker: Callable[[RunDescription], Tracker] = lambda run: NullTracker(),
        params: Callable[[Point], dict[str, Any]] = lambda point: dict(point),
        parent_run_id: str | None = None,
    ) -> None:
        self.store, self.reporter, self.planned, self.concurrent = (
            store,
            reporter,
            planned,
            concurrent,
        )
        self.open_tracker, self.params, self.parent = open_tracker, params, parent_run_id
        self.records = {record.id: record for record in store.records()}
        self.trackers: dict[str, Tracker] = {}
        self.begun: dict[str, float] = {}
        self.durations: list[float] = []
        reporter.begin("sweep", planned)
        reporter.advance(sum(r.status != "running" for r in self.records.values()))

    def started(self, identifier: str, point: Point, proposal: Proposed | None = None) -> None:
        """A trial begins, or goes on after its process or the driver was lost."""
        known = self.records.get(identifier)
        record = known or TrialRecord(
            identifier, len(self.records) + 1, dict(point), proposal=proposal
        )
        tracker = self.open_tracker(
            RunDescription(
                name=f"trial {record.number}",
                params=self._params(record.point),
                tags={"stemdist.job": "trial", "stemdist.trial": identifier},
                parent_run_id=self.parent,
                existing_run_id=record.run_id,
            )
        )
        self.trackers[identifier] = tracker
        self.begun[identifier] = time.monotonic()
        self._keep(replace(record, status="running", reason=None, run_id=tracker.reference))
        verb = "started" if known is None else f"goes on after round {_round(record)}"
        self.reporter.say(f"{self._name(record)}: {verb}, {describe_point(record.point)}")

    def _params(self, point: Point) -> Mapping[str, Any]:
        """All settings of a trial; of one that cannot be, its point: it fails with the reason."""
        try:
            return self.params(point)
        except ConfigError:
            return dict(point)

    def reported(self, identifier: str, metrics: dict[str, float]) -> None:
        """A trial has validated a round."""
        record = with_report(self.records[identifier], metrics)
        self._keep(record)
        if identifier in self.trackers:
            named = {"validation_relative_rmse" if k == "error" else k: metrics[k] for k in metrics}
            self.trackers[identifier].log_metrics(named, int(metrics["round"]))

    def finished(self, identifier: str, rounds: int) -> None:
        """A trial is over: after its last round, or stopped before it by the scheduler."""
        record = self.records[identifier]
        early = record.metrics.get("round", 0) < rounds
        self._close(replace(record, status="stopped" if early else "finished"), "FINISHED")
        what = f"stopped early after round {_round(record)}" if early else "finished"
        self._say(record, f"{what}, validation relative RMSE {record.metrics['error']:.4f}")

    def failed(self, identifier: str, reason: str) -> None:
        """A trial has failed for good."""
        record = replace(self.records[identifier], status="failed", reason=reason)
        self._close(record, "FAILED")
        self._say(record, f"failed: {reason}")

    def close(self) -> None:
        """End the tracking runs of trials that are still open (an interruption)."""
        for tracker in self.trackers.values():
            tracker.finish("KILLED")
        self.trackers = {}

    def best(self) -> TrialRecord | None:
        """The trial with the lowest error so far."""
        validated = [r for r in self.records.values() if r.metrics and r.status != "failed"]
        return min(validated, key=lambda r: r.metrics["error"], default=None)

    def _keep(self, record: TrialRecord) -> None:
        self.records[record.id] = record
        self.store.write(record)

    def _close(self, record: TrialRecord, status: str) -> None:
        tracker = self.trackers.pop(record.id, None)
        self._keep(record)
        if tracker is not None:
            tracker.finish(status)
            self._keep(replace(record, run_id=tracker.reference))
        if record.id in self.begun:
            self.durations.append(time.monotonic() - self.begun.pop(record.id))
        self.reporter.advance()

    def _name(self, record: TrialRecord) -> str:
        return f"trial {record.number}/{self.planned}"

    def _say(self, record: TrialRecord, what: str) -> None:
        parts = [f"{self._name(record)}: {what}"]
        best = self.best()
        if best is not None:
            parts.append(f"best {best.metrics['error']:.4f} (trial {best.number})")
        left = self.seconds_left()
        if left is not None:
            parts.append(f"about {_duration(left)} left")
        self.reporter.say("; ".join(parts))

    def seconds_left(self) -> float | None:
        """Time to the end, from the trials that are over; None before the first and at the end."""
        over = sum(r.status != "running" for r in self.records.values())
        left = self.planned - over
        if not self.durations or left <= 0:
            return None
        mean = sum(self.durations) / len(self.durations)
        return mean * left / min(self.concurrent, left)


def describe_point(point: Point) -> str:
    """A point in a few words."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in point.items()
    )


def _round(record: TrialRecord) -> int:
    return int(record.metrics.get("round", 0))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
