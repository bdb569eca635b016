"""Fit the linear base of a source: choose the profile on validation, then add up all of train.

What is chosen, on a sample of the windows and locations: how much neighbouring slots of the profile
are smoothed; whether the profiles that the map is fitted on leave out the windows' own days (with
few days a profile holds much of the very readings that are to be forecast, and the map would trust
it too much); the rank; the ridge penalty. Axis letters as in
:mod:`stemdist_ray.forecasters.closed_form.base_model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stemdist_ray.clustering.kmeans import cluster_locations, location_vectors
from stemdist_ray.config import ClusteringConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import SplitName, WindowedSeries, evenly_spaced
from stemdist_ray.forecasters.closed_form.base_model import (
    PARTS,
    BaseModel,
    BoundBase,
    base_calendar,
    group_means,
)
from stemdist_ray.forecasters.closed_form.gram import (
    GramMaterial,
    GramSums,
    GramTask,
    added,
    best_penalty,
    block_sums,
    gram_tasks,
)
from stemdist_ray.forecasters.closed_form.profile import ProfileSums, SeasonProfile

Positions = npt.NDArray[np.int64]

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3)
_SMOOTHINGS = (0.0, 1.0, 2.0, 4.0)  # slots
_RANKS = (12, 24, 48)
_FIRST_RANK = 24  # smoothing is chosen with it
_LITTLE = 1.005  # a lower rank is taken where its squared error is at most this times the best
_MANY_SEASONS = 50  # with as many, a profile has little noise and one season a small part in it
_GROUPS = 16  # more or fewer changed little on any data set tried, one group cost up to 2 %
_SAMPLED_ROWS, _SAMPLED_LOCATIONS = 80_000, 512
_FEW_ROWS = 500_000  # windows times locations whose sums take a second or two
_VECTOR_STEPS = 2048  # steps that locations are grouped by, at most


_Part = tuple[Positions, Positions]
"""Window starts and positions of locations."""


@dataclass(frozen=True)
class _Way:
    """One way to make the profiles that a map is fitted on."""

    smoothing: float
    cross_fitted: bool
    rank: int


class TaskRunner(Protocol):
    """Runs block tasks somewhere; executors do."""

    def share(self, data: object) -> None:
        """Make an object known to all tasks that follow."""

    def run(self, function: Any, tasks: Sequence[Any], on_done: Any) -> list[Any]:
        """Call ``function(shared object, task)`` for all tasks; results in task order."""


class InProcess:
    """Runs block tasks here, one after the other."""

    def __init__(self) -> None:
        self.data: object = None

    def share(self, data: object) -> None:
        """See :class:`TaskRunner`."""
        self.data = data

    def run(self, function: Any, tasks: Sequence[Any], on_done: Any) -> list[Any]:
        """See :class:`TaskRunner`."""
        del on_done
        return [function(self.data, task) for task in tasks]


@dataclass(frozen=True)
class BaseChoice:
    """What was chosen on validation.

    Args:
        smoothing: Standard deviation over neighbouring slots.
        cross_fitted: Whether the map was fitted on profiles without the windows' own days.
        rank: Of the profile.
        penalty: Ridge penalty per observed target.
    """

    smoothing: float
    cross_fitted: bool
    rank: int
    penalty: float

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class FittedBase:
    """A base, and how it came about.

    Args:
        model: The base.
        choice: What was chosen on validation.
    """

    model: BaseModel
    choice: BaseChoice

    @property
    def needs_season(self) -> bool:
        """Whether a forecast depends on the place in the season."""
        return "season" in self.model.weights

    def bind(self, source: PreparedSource) -> BoundBase:
        """Bind it to the series it was fitted on, or a later edition of it."""
        place = source.season.place(source.times, np.arange(source.num_steps))
        return BoundBase.of(self.model, source.windows, place)


def fit_base(
    source: PreparedSource,
    kind: str,
    seed: int,
    runner: TaskRunner | None = None,
    threads: int = 1,
) -> FittedBase:
    """Fit a base on the train split; validation chooses, test is not read.

    Args:
        source: The prepared series.
        kind: "seasonal_linear", or "ridge" on own lags alone.
        seed: Of the run; groups the locations.
        runner: Computes the sums, where they are worth the way; None = this process.
        threads: torch threads per task.
    """
    rows = len(source.starts["train"]) * source.windows.num_locations
    if runner is None or rows < _FEW_ROWS:
        runner = InProcess()  # the same sums, without the way to the workers and back
    return _Fit(source, kind, seed, runner, threads).run()


class _Fit:
    """One fit, step by step."""

    def __init__(
        self, source: PreparedSource, kind: str, seed: int, runner: TaskRunner, threads: int
    ) -> None:
        self.source, self.kind, self.runner, self.threads = source, kind, runner, threads
        # Test does not travel to the workers.
        windows = source.windows.head(int(source.starts["val"][-1]) + _length(source.windows))
        self.windows = replace(windows, base=None)
        steps = np.arange(source.num_steps)
        self.place = source.season.place(source.times, steps)[: len(windows.inputs)]
        seasonal = kind == "seasonal_linear"
        self.membership = _membership(source, seed) if seasonal else _no_groups(source)
        self.groups, self.overall = group_means(self.windows, self.membership)
        self.columns = calendar_columns(source) if seasonal else ()
        self.calendar = base_calendar(self.windows, self.columns)
        self.sums = ProfileSums.of(source)

    def run(self) -> FittedBase:
        way = _Way(0.0, False, 0)
        if self.kind == "seasonal_linear" and self.source.season.size > 1:
            way = self._choose_rank(self._choose_smoothing())
        train, validation = self._sums([way], self._all("train"), self._all("val"), "base")[way]
        penalty, weights, _ = best_penalty(train, validation, PENALTIES)
        model = self._model(self._profiles(way)[-1])
        return FittedBase(
            replace(model, weights=split_weights(weights.astype(np.float32), model.weights)),
            BaseChoice(way.smoothing, way.cross_fitted, way.rank, penalty),
        )

    def _choose_smoothing(self) -> _Way:
        if self.sums.num_seasons >= _MANY_SEASONS:
            return _Way(0.0, False, self._ranks()[-1])  # the noise is averaged away already
        crossed = (False, True) if self.sums.num_folds > 1 else (False,)
        slots, rank = self.source.season.slots, min(_FIRST_RANK, self._ranks()[-1])
        smoothings = [s for s in _SMOOTHINGS if 6 * s < slots]
        errors = self._try([_Way(s, cross, rank) for s in smoothings for cross in crossed])
        return min(errors, key=errors.__getitem__)

    def _choose_rank(self, way: _Way) -> _Way:
        errors = self._try([replace(way, rank=rank) for rank in self._ranks()])
        best = min(errors.values())
        return next(way for way, error in errors.items() if error <= _LITTLE * best)

    def _ranks(self) -> list[int]:
        """Ranks that can be told apart, lowest first."""
        most = min(self.source.season.size, len(self.membership))
        return sorted({min(rank, most) for rank in _RANKS})

    def _try(self, ways: list[_Way]) -> dict[_Way, float]:
        """Squared error on sampled validation windows of maps fitted on sampled train windows."""
        sums = self._sums(ways, self._sample("train"), self._sample("val"), "choice of the base")
        return {
            way: best_penalty(train, validation, PENALTIES)[2]
            for way, (train, validation) in sums.items()
        }

    def _profiles(self, way: _Way) -> list[SeasonProfile]:
        """Profiles without each of the folds where cross-fitting, then that of all of train."""
        rule, smoothing, rank = self.source.season, way.smoothing, way.rank
        without = range(self.sums.num_folds) if way.cross_fitted else ()
        left_out = [self.sums.profile(rule, smoothing, rank, fold) for fold in without]
        return [*left_out, self.sums.profile(rule, smoothing, rank)]

    def _sums(
        self, ways: list[_Way], train: _Part, validation: _Part, name: str
    ) -> dict[_Way, tuple[GramSums, GramSums]]:
        """Sums over train and over validation for each way; all blocks run beside each other."""
        bases: list[BoundBase] = []
        tasks: list[GramTask] = []
        places: dict[_Way, tuple[range, range]] = {}
        for way in ways:
            profiles = self._profiles(way)
            first = len(tasks)
            for part, profile in zip(self._parts(train, way), profiles, strict=False):
                tasks += gram_tasks(name, len(bases), *part, self.threads)
                bases.append(self._bound(profile))
            middle = len(tasks)
            tasks += gram_tasks(name, len(bases), *validation, self.threads)
            bases.append(self._bound(profiles[-1]))
            places[way] = range(first, middle), range(middle, len(tasks))
        self.runner.share(GramMaterial(self.windows, tuple(bases)))
        found = self.runner.run(block_sums, tasks, lambda sums: None)
        return {
            way: (added(found[i] for i in fitted), added(found[i] for i in held_out))
            for way, (fitted, held_out) in places.items()
        }

    def _parts(self, train: _Part, way: _Way) -> list[_Part]:
        """Train windows by the profile that they are fitted with: one that leaves them out."""
        starts, locations = train
        if not way.cross_fitted:
            return [train]
        # A window belongs to the fold that its targets begin in.
        fold = self.sums.fold[starts + self.windows.lookback]
        return [(starts[fold == d], locations) for d in range(self.sums.num_folds)]

    def _bound(self, profile: SeasonProfile) -> BoundBase:
        model = self._model(profile)
        return BoundBase(model, self.groups, self.overall, self.place, self.calendar)

    def _model(self, profile: SeasonProfile) -> BaseModel:
        """A base without weights yet: zeros of the right sizes."""
        series = self.windows
        lookback, horizon = series.lookback, series.horizon
        sizes = {"own": lookback * series.inputs.shape[2], "one": 1}
        if self.kind == "seasonal_linear":
            sizes |= {"overall": lookback, "level": 1, "calendar": len(self.columns)}
            sizes["group"] = lookback if self.membership.shape[1] else 0
            sizes["season"] = lookback + horizon if profile.rank else 0
        return BaseModel(
            kind=self.kind,
            weights={
                part: np.zeros((horizon, sizes[part]), np.float32)
                for part in PARTS
                if sizes.get(part)
            },
            season=self.source.season,
            calendar=self.columns,
            profile=profile,
            membership=self.membership,
            lookback=lookback,
            horizon=horizon,
        )

    def _all(self, split: SplitName) -> _Part:
        return self.source.starts[split], np.arange(self.windows.num_locations)

    def _sample(self, split: SplitName) -> _Part:
        starts, locations = self._all(split)
        some = locations[evenly_spaced(len(locations), _SAMPLED_LOCATIONS)]
        wanted = max(1, _SAMPLED_ROWS // len(some))
        return starts[evenly_spaced(len(starts), wanted)], some


def calendar_columns(source: PreparedSource) -> tuple[int, ...]:
    """Positions of the calendar columns that the profile does not hold already.

    Time of day and day type are in the profile of a series whose season is the day; as columns
    besides they made the base worse on every data set tried.
    """
    told = {"day": ("time_of_day", "day_of_week", "weekend"), "week": ("day_of_week", "weekend")}
    told["year"] = ("time_of_year",)
    known = told.get(source.season.unit, ())
    names = source.calendar.columns
    return tuple(i for i, name in enumerate(names) if not name.startswith(known or ("-",)))


def _length(windows: WindowedSeries) -> int:
    return windows.lookback + windows.horizon


def _no_groups(source: PreparedSource) -> npt.NDArray[np.float32]:
    return np.zeros((source.windows.num_locations, 0), np.float32)


def _membership(source: PreparedSource, seed: int) -> npt.NDArray[np.float32]:
    """Groups of locations that move alike: (N, G) ones and zeros."""
    locations = source.windows.num_locations
    groups = min(_GROUPS, locations // 2)
    if groups < 2:
        return _no_groups(source)
    starts = source.starts["train"]
    vectors = location_vectors(source.windows, starts)
    vectors = vectors[:, evenly_spaced(vectors.shape[1], _VECTOR_STEPS)]
    clustering = cluster_locations(vectors, groups, ClusteringConfig(), seed)
    return np.eye(groups, dtype=np.float32)[clustering.assignment]


def split_weights(
    weights: npt.NDArray[np.float32], like: Any
) -> dict[str, npt.NDArray[np.float32]]:
    """Cut (H, D) weights into the parts of a base."""
    parts, first = {}, 0
    for part in PARTS:
        if part in like:
            size = like[part].shape[1]
            parts[part] = np.ascontiguousarray(weights[:, first : first + size])
            first += size
    return parts
