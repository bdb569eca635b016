"""What Ray Tune is given to run: trials that were interrupted first, then new proposals.

Ray Tune's own way to go on with an experiment unpickles files of its folder. A sweep lies in a
folder that others may write to, so it goes on from its own records instead, which are JSON.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from stemdist_ray.sweeps.proposals import Proposal, Proposer
from stemdist_ray.sweeps.records import Proposed, TrialRecord
from stemdist_ray.sweeps.trial import TRIAL


class RecordedSearch(Searcher):  # type: ignore[misc]
    """Searcher of a sweep that may have been interrupted.

    Args:
        proposer: Of new points.
        objectives: Names of the metrics that it is told.
        records: Trials from before an interruption.

    Raises:
        ArtifactError: A record holds what was never proposed.
    """

    def __init__(
        self, proposer: Proposer, objectives: Sequence[str], records: Sequence[TrialRecord]
    ) -> None:
        super().__init__(metric=list(objectives), mode=["min"] * len(objectives))
        self._proposer, self._objectives = proposer, tuple(objectives)
        proposer.recall(records)
        self._interrupted = deque(r for r in records if r.status == "running")
        self._indices: dict[str, int] = {}  # Tune's name of a trial -> number of its proposal

    def suggest(self, trial_id: str) -> Any:
        """What a trial is told; its own name stays the one it had before an interruption."""
        if self._interrupted:
            record = self._interrupted.popleft()
            # Trials of earlier releases began in the order of their proposals.
            known = record.proposal or Proposed(record.number)
            proposal, name = Proposal(known.index, record.point, known.attributes), record.id
        else:
            found = self._proposer.propose()
            if found is None:
                return Searcher.FINISHED
            proposal, name = found, trial_id
        self._indices[trial_id] = proposal.index
        return {TRIAL: {"id": name, **asdict(proposal)}}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass on what a trial gave."""
        index = self._indices.pop(trial_id, None)
        if index is None:
            return
        values = None
        if result and not error and all(result.get(n) is not None for n in self._objectives):
            values = [float(result[name]) for name in self._objectives]
        self._proposer.learn(index, values)

    def save(self, checkpoint_path: str) -> None:
        """Leave an empty file: nothing of this object is ever read back."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Refuse: the records of the sweep say what happened.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a sweep goes on from its records")
