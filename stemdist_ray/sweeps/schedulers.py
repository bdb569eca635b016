"""Who stops trials early: Ray Tune's schedulers, told from the records what happened before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.records import TrialRecord
from stemdist_ray.sweeps.trial import TRIAL

History = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class _PastTrial:
    """Stands for a trial that is over."""

    trial_id: str


class ContinuedASHA(ASHAScheduler):  # type: ignore[misc]
    """ASHA whose rungs hold what trials reached before; trials that go on are recognised.

    Args:
        going_on: Histories of trials that were interrupted, by their own names.
        **settings: Of ``ASHAScheduler``.
    """

    def __init__(self, going_on: Mapping[str, History], **settings: Any) -> None:
        super().__init__(**settings)
        self._going_on = dict(going_on)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Put a trial that goes on where it was."""
        super().on_trial_add(tune_controller, trial)
        for result in _results(self._going_on.get(_name(trial), ())):
            self.on_trial_result(tune_controller, trial, result)

    def recall(self, record: TrialRecord) -> None:
        """Learn of a trial that is over."""
        past, results = _PastTrial(record.id), _results(record.history)
        self.on_trial_add(None, past)
        for result in results:
            self.on_trial_result(None, past, result)
        if results and record.status != "failed":
            self.on_trial_complete(None, past, results[-1])


class ContinuedMedian(MedianStoppingRule):  # type: ignore[misc]
    """The median rule with the averages of trials from before; those that go on are recognised.

    Args:
        going_on: Histories of trials that were interrupted, by their own names.
        **settings: Of ``MedianStoppingRule``.
    """

    def __init__(self, going_on: Mapping[str, History], **settings: Any) -> None:
        super().__init__(**settings)
        self._going_on = dict(going_on)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Put a trial that goes on where it was."""
        super().on_trial_add(tune_controller, trial)
        self._append(trial, self._going_on.get(_name(trial), ()))

    def recall(self, record: TrialRecord) -> None:
        """Learn of a trial that is over."""
        past = _PastTrial(record.id)
        self._append(past, record.history)
        if record.status != "failed":
            # The rule counts the last report of a completed trial twice.
            self._append(past, record.history[-1:])

    def _append(self, trial: Any, history: History) -> None:
        # Completion only takes the numbers down; a report would decide on them.
        for result in _results(history):
            self.on_trial_complete(None, trial, result)


def create_scheduler(
    search: SearchConfig, rounds: int, records: Sequence[TrialRecord] = ()
) -> TrialScheduler:
    """Build the scheduler of a sweep.

    Args:
        search: Which one, and its settings.
        rounds: Of a trial that is not stopped early.
        records: Trials from before an interruption.
    """
    if search.scheduler == "none":
        return FIFOScheduler()
    by_error = {"time_attr": "round", "metric": "error", "mode": "min"}
    going_on = {r.id: r.history for r in records if r.status == "running"}
    if search.scheduler == "median":
        scheduler = ContinuedMedian(going_on, grace_period=search.grace_rounds, **by_error)
    else:
        scheduler = ContinuedASHA(
            going_on,
            # A trial that reaches its last round ends by itself, after its data are written.
            max_t=rounds + 1,
            grace_period=min(search.grace_rounds, rounds + 1),
            reduction_factor=search.reduction_factor,
            **by_error,
        )
    for record in records:
        if record.status != "running":
            scheduler.recall(record)
    return scheduler


def _results(history: History) -> list[dict[str, float]]:
    return [{"round": number, "error": error} for number, error in history]


def _name(trial: Any) -> str:
    config = getattr(trial, "config", {})
    return str(config[TRIAL]["id"]) if TRIAL in config else ""
