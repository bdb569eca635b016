"""Observers of a run: progress for people, metrics for the tracker and for a monitor."""

from __future__ import annotations

from stemdist_ray.distillation.run_state import RoundRecord, RunObserver, RunState
from stemdist_ray.distillation.task import ShardUpdate
from stemdist_ray.execution import metering
from stemdist_ray.execution.metering import Meter
from stemdist_ray.progress import Reporter
from stemdist_ray.tracking.base_class import Tracker


class ProgressObserver(RunObserver):
    """Moves the bar and says one line per round.

    Args:
        reporter: Where to say it.
        rounds: Rounds in all.
    """

    def __init__(self, reporter: Reporter, rounds: int) -> None:
        self.reporter, self.rounds = reporter, rounds

    def tasks_planned(self, name: str, count: int) -> None:
        """Start a bar for the round."""
        self.reporter.begin(f"{name}/{self.rounds}", count)

    def task_done(self, update: ShardUpdate) -> None:
        """Move it."""
        self.reporter.advance()

    def round_done(self, record: RoundRecord, state: RunState) -> None:
        """Say what the round brought."""
        parts = ["start" if record.round == 0 else f"round {record.round}/{self.rounds}"]
        if record.objective is not None:
            parts.append(f"objective {record.objective:.4g}")
        if record.validation is not None:
            best = " (best so far)" if state.kept().round == record.round else ""
            parts.append(f"validation relative RMSE {record.validation:.4f}{best}")
        parts.append(f"{record.seconds + record.validation_seconds:.1f} s")
        self.reporter.say(", ".join(parts))


class TrackingObserver(RunObserver):
    """Logs one set of metrics per round.

    Args:
        tracker: Where to log.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def round_done(self, record: RoundRecord, state: RunState) -> None:
        """Log the record."""
        metrics = {
            "objective": record.objective,
            "round_seconds": record.seconds,
            "task_seconds": record.task_seconds,
            "validation_seconds": record.validation_seconds,
            "worker_peak_mib": record.worker_peak_mib,
            "validation_relative_rmse": record.validation,
            "best_validation_relative_rmse": state.kept().error,
        }
        known = {name: value for name, value in metrics.items() if value is not None}
        self.tracker.log_metrics(known, record.round)


class MeterObserver(RunObserver):
    """Shows a monitor how far the rounds are.

    Args:
        meter: Where to show it.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def round_done(self, record: RoundRecord, state: RunState) -> None:
        """Show the record."""
        set_ = self.meter.set
        set_(metering.ROUNDS, record.round)
        if record.round:
            set_(metering.ROUND_SECONDS, record.seconds)
            set_(metering.OBJECTIVE, record.objective)
        if record.validation is not None:
            set_(metering.VALIDATION_SECONDS, record.validation_seconds)
            set_(metering.ERROR, record.validation)
        set_(metering.BEST_ERROR, state.kept().error)


def run_observers(
    reporter: Reporter, rounds: int, tracker: Tracker, meter: Meter
) -> list[RunObserver]:
    """All of them.

    Args:
        reporter: Where to say what happens.
        rounds: Rounds in all.
        tracker: Where to log it.
        meter: Where to show it.
    """
    return [ProgressObserver(reporter, rounds), TrackingObserver(tracker), MeterObserver(meter)]
