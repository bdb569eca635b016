"""What a run knows of itself between two rounds, and when it may go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from stemdist_ray.config import DistillConfig
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ShardUpdate
from stemdist_ray.training.engine import check_not_over, impatient_after


@dataclass(frozen=True)
class RoundRecord:
    """What one round did.

    Args:
        round: Rounds finished, counted from 1; 0 is the unlearned start.
        objective: Mean objective over the round's matching steps (gradient distance per subset,
            or real loss after unrolled training), None for the start.
        seconds: Wall time of the round's tasks, without validation.
        task_seconds: The same summed over tasks: what one worker would have needed.
        validation_seconds: Wall time of the validation.
        worker_peak_mib: Highest resident memory of a process that ran a task.
        validation: Validation relative RMSE, or None when the round was not validated.
        evaluator_seconds: What training one evaluator took then.
    """

    round: int
    objective: float | None
    seconds: float
    task_seconds: float
    validation_seconds: float
    worker_peak_mib: float
    validation: float | None
    evaluator_seconds: float | None = None


@dataclass(frozen=True)
class KeptRound:
    """The round whose synthetic data are the result.

    Args:
        synthetic: Its data.
        round: Its number; 0 is the unlearned start.
        error: Its validation relative RMSE.
    """

    synthetic: SyntheticState
    round: int
    error: float


@dataclass(frozen=True)
class RunState:
    """All that a run needs to go on.

    Args:
        round: Rounds finished.
        synthetic: The current synthetic data with Adam state.
        best: The synthetic data of the best round that was due for validation.
        best_round: Its number; 0 is the unlearned start.
        best_error: Its validation relative RMSE.
        history: One record per finished round, the start included.
        stopped_early: Whether patience ran out.
        teachers: Validation relative RMSE of those who could give the first targets, best first;
            the first did. Empty where the targets started as readings.
        final_error: Validation relative RMSE of the last round where it was validated only
            because it was the last. It counts for the result, and is forgotten when the run goes
            on, as a run that was asked for more rounds at once would never have measured it.
    """

    round: int
    synthetic: SyntheticState
    best: SyntheticState
    best_round: int
    best_error: float
    history: tuple[RoundRecord, ...] = ()
    stopped_early: bool = False
    teachers: Mapping[str, float] = field(default_factory=dict)
    final_error: float | None = None

    def kept(self) -> KeptRound:
        """The best of all validated rounds."""
        if self.final_error is not None and self.final_error < self.best_error:
            return KeptRound(self.synthetic, self.round, self.final_error)
        return KeptRound(self.best, self.best_round, self.best_error)

    def without_final_validation(self) -> RunState:
        """The same as if the last round had not been the last."""
        if self.final_error is None:
            return self
        record = replace(
            self.history[-1], validation=None, evaluator_seconds=None, validation_seconds=0.0
        )
        return replace(self, history=(*self.history[:-1], record), final_error=None)


class RunObserver:
    """Is told what happens; every method may be left as it is."""

    def tasks_planned(self, name: str, count: int) -> None:
        """A round is about to run ``count`` tasks."""

    def task_done(self, update: ShardUpdate) -> None:
        """One of them is done."""

    def round_done(self, record: RoundRecord, state: RunState) -> None:
        """A round is over and its checkpoint written."""


def is_due(number: int, every: int) -> bool:
    """Whether a round is validated by the rhythm of ``validation.every`` (0 = only the start)."""
    return number == 0 or (every > 0 and number % every == 0)


def impatient_round(history: Iterable[RoundRecord], patience: int) -> int | None:
    """The round after which patience ran out; rounds that were not validated do not count."""
    return impatient_after(_validations(history), patience)


def _validations(history: Iterable[RoundRecord]) -> list[tuple[int, float]]:
    return [(r.round, r.validation) for r in history if r.validation is not None]


def resumed(state: RunState, config: DistillConfig) -> RunState:
    """Make a checkpoint's state ready to go on, as an undisturbed run would be at its round.

    Args:
        state: Of the checkpoint.
        config: Settings; the number of rounds and ``validation.patience`` may have changed.

    Raises:
        ConfigError: A run with these settings would have ended before this round.
    """
    going_on, patience = state.without_final_validation(), config.validation.patience
    check_not_over(
        "run",
        ("round", state.round),
        ("rounds", config.rounds),
        ("validation.patience", patience),
        _validations(going_on.history),
    )
    stopped = impatient_round(going_on.history, patience)
    over = config.rounds == state.round
    return replace(state if over else going_on, stopped_early=stopped is not None)
