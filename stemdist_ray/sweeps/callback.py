"""From Ray Tune's events to the monitor of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ray import tune

from stemdist_ray.sweeps.monitor import SweepMonitor
from stemdist_ray.sweeps.records import Proposed, SweepStore
from stemdist_ray.sweeps.trial import TRIAL

METRICS = (
    *("round", "error", "bytes", "train_seconds", "windows", "locations"),
    *("seconds", "worker_peak_mib"),
)


class SweepCallback(tune.Callback):  # type: ignore[misc]
    """Passes events on to the monitor of its sweep.

    Ray Tune pickles its callbacks with the experiment; so this one holds nothing but the folder of
    the sweep, and finds the monitor that is live in this process.

    Args:
        folder: Of the sweep.
        rounds: Rounds of a trial that is not stopped early.
    """

    live: ClassVar[dict[Path, SweepMonitor]] = {}

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder, self.rounds = folder, rounds

    @property
    def monitor(self) -> SweepMonitor:
        """The monitor of this sweep."""
        return self.live[self.folder]

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """See :class:`ray.tune.Callback`."""
        told = trial.config[TRIAL]
        proposal = Proposed(told["index"], told["attributes"])
        self.monitor.started(told["id"], told["point"], proposal)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """See :class:`ray.tune.Callback`."""
        self.monitor.reported(_name(trial), {name: float(result[name]) for name in METRICS})

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """See :class:`ray.tune.Callback`."""
        self.monitor.finished(_name(trial), self.rounds)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """See :class:`ray.tune.Callback`."""
        self.monitor.failed(_name(trial), self._reason(trial))

    def _reason(self, trial: Any) -> str:
        """What the trial wrote down, else the last line of its traceback."""
        written = SweepStore(self.folder).failure(_name(trial))
        if written.exists():
            return written.read_text(encoding="utf-8")
        error = trial.get_error()
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[-1] if lines else type(error).__name__


def _name(trial: Any) -> str:
    """Our name of a trial, which stays the same when a sweep goes on; Tune's own does not."""
    return str(trial.config[TRIAL]["id"])
