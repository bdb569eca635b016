"""Fit the linear base of a source: choose the profile on validation, then add up all of train.

What is chosen, on a sample of the windows and locations: how much neighbouring slots of the profile
are smoothed; whether the profiles that the map is fitted on leave out the windows' own days (with
few days a profile holds much of the very readings that are to be forecast, and the map would trust
it too much); the rank; the ridge penalty. Axis letters as in
:mod:`stemdist_ray.forecasters.closed_form.base_model`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import SplitName, WindowedSeries, evenly_spaced
from stemdist_ray.forecasters.closed_form.base_model import (
    PARTS,
    BaseModel,
    BoundBase,
    base_calendar,
)
from stemdist_ray.forecasters.closed_form.base_parts import calendar_columns, split_weights
from stemdist_ray.forecasters.closed_form.fit_tasks import (
    GroupTask,
    ProfileTask,
    SampleTask,
    Way,
    run_groups,
    run_profiles,
    run_sample,
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
from stemdist_ray.forecasters.closed_form.profile import SeasonProfile, season_folds
from stemdist_ray.forecasters.closed_form.runner import InProcess, TaskRunner

Positions = npt.NDArray[np.int64]

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3)
_SMOOTHINGS = (0.0, 1.0, 2.0, 4.0)  # slots
_RANKS = (12, 24, 48)
_FIRST_RANK = 24  # smoothing is chosen with it
_LITTLE = 1.005  # a lower rank is taken where its squared error is at most this times the best
_MANY_SEASONS = 50  # with as many, a profile has little noise and one season a small part in it
_SAMPLED_ROWS, _SAMPLED_LOCATIONS = 80_000, 512
# Rows (windows times locations) of train, and of validation, that the map is fitted on at most.
# Locations of one window are alike: it is the number of windows that counts, so of very many
# locations some are left out before the windows become fewer than this.
_MOST_ROWS, _ENOUGH_WINDOWS = 20_000_000, 4096
_FEW_ROWS = 500_000  # windows times locations whose sums take a second or two


_SPLITS: tuple[SplitName, SplitName] = ("train", "val")


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
        place = self.model.season.place(source.times, np.arange(source.num_steps))
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


@dataclass(frozen=True)
class _Scope:
    """The locations that something is fitted on: all of them, or a sample.

    Args:
        source: Train and validation, with the scaled series of these locations.
        membership: (N, G) their groups.
    """

    source: PreparedSource
    membership: npt.NDArray[np.float32]

    @property
    def windows(self) -> WindowedSeries:
        """The scaled series."""
        return self.source.windows

    def select(self, locations: Positions, runner: TaskRunner) -> _Scope:
        """Some of the locations only; the runner's tasks share the source."""
        if len(locations) == self.windows.num_locations:
            return self
        task = SampleTask("sampled locations", locations)
        windows = runner.run(run_sample, [task], lambda found: None)[0]
        return _Scope(replace(self.source, windows=windows), self.membership[locations])


class _Fit:
    """One fit, step by step; whatever takes a pass over the series is a task."""

    def __init__(
        self, source: PreparedSource, kind: str, seed: int, runner: TaskRunner, threads: int
    ) -> None:
        self.kind, self.runner, self.threads = kind, runner, threads
        # Test does not travel to the workers.
        length = source.windows.lookback + source.windows.horizon
        windows = replace(source.windows, base=None).head(int(source.starts["val"][-1]) + length)
        steps = len(windows.inputs)
        times = None if source.times is None else source.times[:steps]
        self.source = source = replace(source, windows=windows, times=times)
        self.place = source.season.place(times, np.arange(steps))
        self.fold, self.num_seasons = season_folds(source)
        self.num_folds = int(self.fold.max()) + 1
        seasonal = kind == "seasonal_linear"
        # What was computed here before it was a task keeps the number of threads that is set here.
        task = GroupTask("groups of the base", seasonal, seed, torch.get_num_threads())
        runner.share(source)
        found = runner.run(run_groups, [task], lambda groups: None)[0]
        self.groups, self.overall = found.means, found.overall
        self.columns = calendar_columns(source) if seasonal else ()
        self.calendar = base_calendar(windows, self.columns)
        self.everyone = _Scope(source, found.membership)
        some = evenly_spaced(windows.num_locations, _SAMPLED_LOCATIONS)
        self.sampled = self.everyone.select(some, runner)

    def run(self) -> FittedBase:
        way = Way(0.0, False, 0)
        if self.kind == "seasonal_linear" and self.source.season.size > 1:
            way = self._choose_rank(self._choose_smoothing())
        if self.sampled is not self.everyone:
            self.sampled.windows.discard()
        everyone = self.everyone
        train, validation = self._windows(_MOST_ROWS, everyone, _ENOUGH_WINDOWS)
        some = evenly_spaced(everyone.windows.num_locations, max(1, _MOST_ROWS // len(train)))
        profiles = self._profiles([way], everyone)
        sums = self._sums(profiles, train, validation, everyone, "base", some)
        penalty, weights, _ = best_penalty(*sums[way], PENALTIES)
        model = self._model(profiles[way][-1], everyone)
        return FittedBase(
            replace(model, weights=split_weights(weights.astype(np.float32), model.weights)),
            BaseChoice(way.smoothing, way.cross_fitted, way.rank, penalty),
        )

    def _choose_smoothing(self) -> Way:
        if self.num_seasons >= _MANY_SEASONS:
            return Way(0.0, False, self._ranks()[-1])  # the noise is averaged away already
        crossed = (False, True) if self.num_folds > 1 else (False,)
        slots, rank = self.source.season.slots, min(_FIRST_RANK, self._ranks()[-1])
        smoothings = [s for s in _SMOOTHINGS if 6 * s < slots]
        errors = self._try([Way(s, cross, rank) for s in smoothings for cross in crossed])
        return min(errors, key=errors.__getitem__)

    def _choose_rank(self, way: Way) -> Way:
        without = Way(0.0, False, 0)
        errors = self._try([without, *(replace(way, rank=rank) for rank in self._ranks())])
        # A train split of less than a season or two may have none to show.
        if errors.pop(without) < min(errors.values()):
            return without
        best = min(errors.values())
        return next(way for way, error in errors.items() if error <= _LITTLE * best)

    def _ranks(self) -> list[int]:
        """Ranks that can be told apart, lowest first."""
        most = min(self.source.season.size, len(self.sampled.membership))
        return sorted({min(rank, most) for rank in _RANKS})

    def _try(self, ways: list[Way]) -> dict[Way, float]:
        """Squared error on sampled validation windows of maps fitted on sampled train windows."""
        train, validation = self._windows(_SAMPLED_ROWS, self.sampled)
        profiles = self._profiles(ways, self.sampled)
        sums = self._sums(profiles, train, validation, self.sampled, "choice of the base")
        return {
            way: best_penalty(fitted, held_out, PENALTIES)[2]
            for way, (fitted, held_out) in sums.items()
        }

    def _windows(self, rows: int, scope: _Scope, fewest: int = 1) -> tuple[Positions, Positions]:
        """Evenly spaced windows of train and of validation, of so many rows each at most."""
        most = max(fewest, rows // scope.windows.num_locations)
        starts = [self.source.starts[split] for split in _SPLITS]
        train, validation = (own[evenly_spaced(len(own), most)] for own in starts)
        return train, validation

    def _profiles(self, ways: list[Way], scope: _Scope) -> dict[Way, list[SeasonProfile]]:
        """Profiles without each of the folds where cross-fitting, then that of all of train."""
        tasks = [ProfileTask("profiles of the base", way, self.num_folds) for way in ways]
        self.runner.share(scope.source)
        found = self.runner.run(run_profiles, tasks, lambda profiles: None)
        return dict(zip(ways, found, strict=True))

    def _sums(
        self,
        profiles: Mapping[Way, list[SeasonProfile]],
        train: Positions,
        validation: Positions,
        scope: _Scope,
        name: str,
        some: Positions | None = None,
    ) -> dict[Way, tuple[GramSums, GramSums]]:
        """Sums over train and over validation for each way; all blocks run beside each other."""
        bases: list[BoundBase] = []
        tasks: list[GramTask] = []
        places: dict[Way, tuple[range, range]] = {}
        everyone = np.arange(scope.windows.num_locations) if some is None else some
        for way, own in profiles.items():
            first = len(tasks)
            for starts, profile in zip(self._parts(train, way), own, strict=False):
                tasks += gram_tasks(name, len(bases), starts, everyone, self.threads)
                bases.append(self._bound(profile, scope))
            middle = len(tasks)
            tasks += gram_tasks(name, len(bases), validation, everyone, self.threads)
            bases.append(self._bound(own[-1], scope))
            places[way] = range(first, middle), range(middle, len(tasks))
        self.runner.share(GramMaterial(scope.windows, tuple(bases)))
        found = self.runner.run(block_sums, tasks, lambda sums: None)
        return {
            way: (added(found[i] for i in fitted), added(found[i] for i in held_out))
            for way, (fitted, held_out) in places.items()
        }

    def _parts(self, train: Positions, way: Way) -> list[Positions]:
        """Train windows by the profile that they are fitted with: one that leaves them out."""
        if not way.cross_fitted:
            return [train]
        # A window belongs to the fold that its targets begin in.
        fold = self.fold[train + self.source.windows.lookback]
        return [train[fold == d] for d in range(self.num_folds)]

    def _bound(self, profile: SeasonProfile, scope: _Scope) -> BoundBase:
        model = self._model(profile, scope)
        return BoundBase(model, self.groups, self.overall, self.place, self.calendar)

    def _model(self, profile: SeasonProfile, scope: _Scope) -> BaseModel:
        """A base without weights yet: zeros of the right sizes."""
        series = scope.windows
        lookback, horizon = series.lookback, series.horizon
        sizes = {"own": lookback * series.own_features, "one": 1}
        if self.kind == "seasonal_linear":
            sizes |= {"overall": lookback, "level": 1, "calendar": len(self.columns)}
            sizes["group"] = lookback if scope.membership.shape[1] else 0
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
            membership=scope.membership,
            lookback=lookback,
            horizon=horizon,
        )
