"""Who proposes the points of a sweep; what was proposed and found before is told from the records.

A proposal depends on the seed, its number and the trials that are over, and on nothing else that
would have to be kept: a sweep that goes on proposes what it would have proposed uninterrupted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from stemdist_ray.errors import ArtifactError
from stemdist_ray.seeding import derive_seed
from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.records import TrialRecord
from stemdist_ray.sweeps.space import Point, SearchSpace

_GENERATION = "NSGAIISampler:generation"


@dataclass(frozen=True)
class Proposal:
    """A point that is to be tried.

    Args:
        index: Counted from 1 in the order of proposals.
        point: What is to be tried.
        attributes: What the sampler wants to find again, e.g. the generation of nsga2.
    """

    index: int
    point: Point
    attributes: dict[str, int] = field(default_factory=dict)


class Proposer(Protocol):
    """Proposes points, and is told what they gave."""

    def recall(self, records: Iterable[TrialRecord]) -> None:
        """Learn what was proposed before.

        Raises:
            ArtifactError: A record holds what was never proposed.
        """

    def propose(self) -> Proposal | None:
        """The next point, None when all were proposed."""

    def learn(self, index: int, values: Sequence[float] | None) -> None:
        """A proposal is over with these objectives, None = without any."""


class ListedPoints:
    """Points known beforehand, in their order.

    Args:
        points: All of them.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self._left = list(enumerate(points, 1))

    def recall(self, records: Iterable[TrialRecord]) -> None:
        """See :class:`Proposer`."""
        for record in records:
            at = next((i for i, (_, p) in enumerate(self._left) if _same(p, record.point)), None)
            if at is None:
                raise _stranger(record, "no point of this sweep, or one that another trial has")
            del self._left[at]

    def propose(self) -> Proposal | None:
        """See :class:`Proposer`."""
        return Proposal(*self._left.pop(0)) if self._left else None

    def learn(self, index: int, values: Sequence[float] | None) -> None:
        """Nothing is learned: the points are known."""


class OptunaPoints:
    """Points that a sampler of Optuna proposes.

    Args:
        search: Sampler, objectives, number of trials, seed.
        space: What to draw from.
    """

    def __init__(self, search: SearchConfig, space: SearchSpace) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._search, self._space = search, space
        self._study = optuna.create_study(
            directions=["minimize"] * len(search.objectives),
            sampler=_sampler(search, 0),
            pruner=optuna.pruners.NopPruner(),
        )
        self._numbers: dict[int, int] = {}  # of a proposal -> of its trial in the study

    def recall(self, records: Iterable[TrialRecord]) -> None:
        """See :class:`Proposer`."""
        for record in sorted(records, key=_index):
            self._numbers[_index(record)] = len(self._study.get_trials(deepcopy=False))
            self._study.add_trial(self._frozen(record))
        if self._search.searcher != "nsga2":
            return
        # Of every generation but a new one the study knows the parents, in the order of trials.
        generations = {t.system_attrs.get(_GENERATION, 0) for t in self._study.get_trials()}
        for generation in sorted(generations):
            self._study.sampler.get_parent_population(self._study, generation)

    def propose(self) -> Proposal | None:
        """See :class:`Proposer`."""
        left = (i for i in range(1, self._search.trials + 1) if i not in self._numbers)
        index = next(left, None)
        if index is None:
            return None
        self._study.sampler = _sampler(self._search, index)
        trial = self._study.ask()
        self._numbers[index] = trial.number
        point = self._space.draw(trial)
        known = self._study.get_trials(deepcopy=False)[trial.number].system_attrs
        return Proposal(index, point, {k: v for k, v in known.items() if isinstance(v, int)})

    def learn(self, index: int, values: Sequence[float] | None) -> None:
        """See :class:`Proposer`."""
        import optuna

        if _usable(values):
            self._study.tell(self._numbers[index], values)
        else:
            self._study.tell(self._numbers[index], state=optuna.trial.TrialState.FAIL)

    def _frozen(self, record: TrialRecord) -> Any:
        import optuna

        states, replay = optuna.trial.TrialState, _Replay(record.point)
        try:
            point = self._space.draw(replay)
            if not _same(point, record.point):
                raise ValueError(f"the space makes {point} of it")
            values, state = None, states.RUNNING
            if record.status != "running":
                found = record.values(self._search.objectives)
                known = record.status != "failed" and _usable(found)
                values, state = (found, states.COMPLETE) if known else (None, states.FAIL)
            return optuna.trial.create_trial(
                state=state,
                values=values,
                params={name: record.point[name] for name in replay.distributions},
                distributions=replay.distributions,
                system_attrs={} if record.proposal is None else record.proposal.attributes,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise _stranger(record, f"a point out of the ranges of this sweep ({error})") from error


class _Replay:
    """Draws the point of a record again, and notes what it was drawn from."""

    def __init__(self, point: Point) -> None:
        self.point, self.distributions = point, {}  # type: Point, dict[str, Any]

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        from optuna.distributions import FloatDistribution

        self.distributions[name] = FloatDistribution(low, high, log=log)
        return float(self.point[name])

    def suggest_int(self, name: str, low: int, high: int) -> int:
        from optuna.distributions import IntDistribution

        self.distributions[name] = IntDistribution(low, high)
        return int(self.point[name])

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        from optuna.distributions import CategoricalDistribution

        self.distributions[name] = CategoricalDistribution(choices)
        return self.point[name]


def create_proposer(
    search: SearchConfig, space: SearchSpace, points: Sequence[Point] | None
) -> Proposer:
    """The proposer of a sweep: of points known beforehand, or with ``None`` of Optuna's."""
    return OptunaPoints(search, space) if points is None else ListedPoints(points)


def _sampler(search: SearchConfig, index: int) -> Any:
    """A sampler for one proposal: its random state has to be kept nowhere."""
    import optuna

    seed = derive_seed(search.seed, "proposal", index) % 2**32
    if search.searcher == "nsga2":
        population = max(4, min(50, search.trials // 4))
        return optuna.samplers.NSGAIISampler(population_size=population, seed=seed)
    first = max(4, min(10, search.trials // 3))
    return optuna.samplers.TPESampler(n_startup_trials=first, seed=seed)


def _index(record: TrialRecord) -> int:
    # Records of earlier releases do not say it; trials began in the order of their proposals.
    return record.number if record.proposal is None else record.proposal.index


def _usable(values: Sequence[float] | None) -> bool:
    return values is not None and all(math.isfinite(v) for v in values)


def _same(point: Point, other: Point) -> bool:
    """Whether two points are equal, after one of them was written as JSON."""
    return bool(_plain(point) == _plain(other))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _stranger(record: TrialRecord, what: str) -> ArtifactError:
    return ArtifactError(
        f"the record of trial {record.number} ({record.id}) holds {what}: {record.point}; "
        "restore the folder of the sweep, or begin anew in another one"
    )
