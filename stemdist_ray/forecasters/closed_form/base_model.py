"""The linear base: one least-squares map per horizon step, shared by all locations.

It is the part of a forecast that needs no network: own lags, lags of the mean of the location's
cluster and of all locations, the location's level, its seasonal profile at the lags and at the
targets, the calendar. Axis letters: T steps, W windows, L lookback, H horizon, N locations,
F features, C calendar columns, G groups of locations, R rank of the profile, P places of the
season, D all inputs of the map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.data.season import SeasonRule
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.forecasters.closed_form.profile import SeasonProfile
from stemdist_ray.system.arrays import tensor_of

Array = npt.NDArray[np.float32]
Steps = npt.NDArray[np.int64]

PARTS = ("own", "group", "overall", "level", "season", "calendar", "one")


@dataclass(frozen=True)
class BaseModel:
    """A fitted base: some kilobytes of numbers.

    Args:
        kind: "seasonal_linear" or "ridge".
        weights: By part of the inputs, (H, size of the part) float32: "own" (L F) ordered by lag,
            "group" and "overall" (L), "level" (1), "season" (L + H), "calendar" (C) and "one" (1).
            A part that plays no role is missing.
        season: Where a step stands in its season.
        calendar: (C,) positions of the series' calendar columns that are used.
        profile: Level and profile of N locations.
        membership: (N, G) float32, rows sum to 1: whose lags count as those of the own group. One
            group for a location, a mixture for the mean of several.
        lookback: L.
        horizon: H.
    """

    kind: str
    weights: Mapping[str, Array]
    season: SeasonRule
    calendar: tuple[int, ...]
    profile: SeasonProfile
    membership: Array
    lookback: int
    horizon: int

    @property
    def num_bytes(self) -> int:
        """Bytes of all its numbers."""
        parts = (*self.weights.values(), self.profile.level, self.profile.coefficients)
        groups = 8 * len(self.membership) if self.membership.shape[1] else 0
        return sum(int(p.nbytes) for p in (*parts, self.profile.patterns)) + groups

    def select(self, locations: npt.NDArray[np.int64]) -> BaseModel:
        """The same base for some of the locations, (n,) positions."""
        profile = self.profile
        return replace(
            self,
            profile=SeasonProfile(
                profile.level[locations], profile.coefficients[locations], profile.patterns
            ),
            membership=self.membership[locations],
        )

    def average(self, weights: npt.NDArray[np.float64]) -> BaseModel:
        """The same base for means of locations; exact, because it is linear in all of them.

        Args:
            weights: (K, N), rows sum to 1.
        """
        profile = self.profile
        return replace(
            self,
            profile=SeasonProfile(
                (weights @ profile.level).astype(np.float32),
                (weights @ profile.coefficients).astype(np.float32),
                profile.patterns,
            ),
            membership=(weights @ self.membership).astype(np.float32),
        )

    def own_part(self, x: torch.Tensor) -> torch.Tensor:
        """What the own lags contribute: differentiable, (W, L, n, F) to (W, H, n)."""
        own = tensor_of(self.weights["own"]).to(x.device, x.dtype)
        return own_map(x, own)


@dataclass(frozen=True)
class BoundBase:
    """A base over the steps of one series; what it reads of other locations is held ready.

    Args:
        model: The base of the series' locations.
        groups: (T, G) float32 mean of each group, 0 where none of it was observed.
        overall: (T,) float32 mean of all locations.
        place: (T,) place of every step in its season.
        calendar: (T, C) columns that the base uses, None where it uses none.
    """

    model: BaseModel
    groups: Array
    overall: Array
    place: Steps
    calendar: Array | None

    @classmethod
    def of(
        cls, model: BaseModel, windows: WindowedSeries, place: Steps, members: Array | None = None
    ) -> BoundBase:
        """Bind a base to a series.

        Args:
            model: Of the series' N locations.
            windows: The scaled series.
            place: (T,) place of every step in its season.
            members: (N, G) groups of the series' locations; None = the model's.
        """
        groups, overall = group_means(windows, model.membership if members is None else members)
        return cls(model, groups, overall, place, base_calendar(windows, model.calendar))

    def take(self, steps: slice | Steps) -> BoundBase:
        """The same base over some of the steps."""
        return replace(
            self,
            groups=self.groups[steps],
            overall=self.overall[steps],
            place=self.place[steps],
            calendar=None if self.calendar is None else self.calendar[steps],
        )

    def select(self, locations: Steps) -> BoundBase:
        """The same base of some of the locations; groups and overall mean stay those of all."""
        return replace(self, model=self.model.select(locations))

    def average(self, weights: npt.NDArray[np.float64]) -> BoundBase:
        """The same base of means of locations, see :meth:`BaseModel.average`."""
        return replace(self, model=self.model.average(weights))

    def own_part(self, x: torch.Tensor) -> torch.Tensor:
        """See :meth:`BaseModel.own_part`."""
        return self.model.own_part(x)

    def forecast(self, x: Array, starts: Steps, locations: Steps | None) -> Array:
        """See :class:`stemdist_ray.data.windows.WindowBase`."""
        own = self.model.own_part(tensor_of(x))
        out: Array = own.numpy()
        for part in self._context(starts, locations):
            out += part
        return out

    def offset(self, starts: Steps, locations: Steps | None = None) -> Array:
        """All of the forecast that does not depend on the own lags: (W, H, n) float32."""
        count = len(self.model.membership if locations is None else locations)
        out = np.zeros((len(starts), self.model.horizon, count), np.float32)
        for part in self._context(starts, locations):
            out += part
        return out

    def _context(self, starts: Steps, locations: Steps | None) -> Iterator[Array]:
        """The other parts of the map, each of a shape that broadcasts to (W, H, n)."""
        model, weights = self.model, self.model.weights
        lags = starts[:, None] + np.arange(model.lookback)
        at = slice(None) if locations is None else locations
        everywhere = np.broadcast_to(weights["one"][None], (len(starts), model.horizon, 1)).copy()
        if "overall" in weights:
            everywhere += (self.overall[lags] @ weights["overall"].T)[:, :, None]
        if self.calendar is not None:
            first = self.calendar[starts + model.lookback - 1]
            everywhere += (first @ weights["calendar"].T)[:, :, None]
        yield everywhere
        if "level" in weights:
            yield weights["level"][None] * model.profile.level[at]
        if "group" in weights:
            yield _product(_product(weights["group"], self.groups[lags]), model.membership[at].T)
        if "season" in weights:
            steps = starts[:, None] + np.arange(model.lookback + model.horizon)
            patterns = model.profile.patterns.T[self.place[steps]]  # (W, L + H, R)
            yield _product(_product(weights["season"], patterns), model.profile.coefficients[at].T)


def _product(left: Array, right: Array) -> Array:
    # torch, whose number of threads is set for every task: NumPy's products do not follow it.
    return np.asarray((tensor_of(left) @ tensor_of(right)).numpy())


def own_map(x: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """What a base makes of the own lags, differentiable: (W, L, n, F) and (H, L F) to (W, H, n)."""
    return own @ x.permute(0, 1, 3, 2).flatten(1, 2)


def base_calendar(windows: WindowedSeries, columns: tuple[int, ...]) -> Array | None:
    """The calendar columns of a series that a base uses, (T, C), None where it uses none."""
    if not columns:
        return None
    assert windows.calendar is not None
    return np.ascontiguousarray(windows.calendar[:, columns])


def group_means(windows: WindowedSeries, membership: Array) -> tuple[Array, Array]:
    """Mean of the target over each group and over all locations, over observed entries.

    Args:
        windows: The scaled series of N locations.
        membership: (N, G) groups.

    Returns:
        (T, G) and (T,) float32; 0, the train mean, where nothing was observed.
    """
    steps = len(windows.inputs)
    columns = np.concatenate([membership, np.ones((len(membership), 1), np.float32)], axis=1)
    out = np.empty((steps, columns.shape[1]), np.float32)
    size = columns.sum(axis=0)
    for first in range(0, steps, _STEPS_PER_BLOCK):
        rows = slice(first, first + _STEPS_PER_BLOCK)
        total = _product(windows.inputs[rows, :, windows.target], columns)
        if windows.input_mask is None:
            out[rows] = total / np.maximum(size, 1)
        else:
            seen = windows.input_mask[rows, :, windows.target].astype(np.float32)
            out[rows] = total / np.maximum(_product(seen, columns), 1)
    return out[:, :-1], out[:, -1]


_STEPS_PER_BLOCK = 1024


def design(
    bound: BoundBase, windows: WindowedSeries, starts: Steps, locations: Steps
) -> npt.NDArray[np.float64]:
    """The inputs of the map for some windows of some locations, in the order of :data:`PARTS`.

    Args:
        bound: Its model says which parts there are; its weights play no role.
        windows: The series it is bound to.
        starts: (W,) window starts.
        locations: (n,) positions.

    Returns:
        (W, n, D) float64: sums of products are made of them.
    """
    model = bound.model
    lags = starts[:, None] + np.arange(model.lookback)
    parts: dict[str, Array] = {"one": np.ones((1, 1, 1), np.float32)}
    own = windows.inputs[lags[:, :, None], locations]  # (W, L, n, F)
    parts["own"] = own.transpose(0, 2, 1, 3).reshape(len(starts), len(locations), -1)
    if "group" in model.weights:
        means = _product(bound.groups[lags], model.membership[locations].T)
        parts["group"] = means.transpose(0, 2, 1)
    parts["overall"] = bound.overall[lags][:, None]
    parts["level"] = model.profile.level[locations][None, :, None]
    if "season" in model.weights:
        steps = starts[:, None] + np.arange(model.lookback + model.horizon)
        patterns = model.profile.patterns.T[bound.place[steps]]
        profile = _product(patterns, model.profile.coefficients[locations].T)
        parts["season"] = profile.transpose(0, 2, 1)
    if bound.calendar is not None:
        parts["calendar"] = bound.calendar[starts + model.lookback - 1][:, None]
    width = sum(weights.shape[1] for weights in model.weights.values())
    out, first = np.empty((len(starts), len(locations), width)), 0
    for part in PARTS:
        if part in model.weights:
            last = first + model.weights[part].shape[1]
            out[:, :, first:last] = parts[part]
            first = last
    return out
