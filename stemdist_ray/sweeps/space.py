"""The search space: from ranges to points, and from a point to the settings of a trial.

A *point* is a flat mapping from setting names to values, e.g. ``{"spatial_ratio": 0.1,
"matching.subsets": 4}``. The product of the two ratios is bounded (or fixed, under a budget), so
``temporal_ratio`` is drawn last, from what ``spatial_ratio`` leaves of its range.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stemdist_ray.config import build_config, with_settings
from stemdist_ray.errors import ConfigError
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.sweeps.config import RangeConfig, SearchConfig

Point = dict[str, Any]


class Suggester(Protocol):
    """Who draws numbers: a random generator, or a trial of Optuna."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number from [low, high]."""
        ...

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """Draw a whole number from [low, high]."""
        ...

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Draw one of several values."""
        ...


@dataclass(frozen=True)
class SearchSpace:
    """The ranges of a sweep.

    Args:
        search: Ranges, budget and bound.
        preset: Preset of the trials.
        layer: Settings of every trial.
    """

    search: SearchConfig
    preset: str
    layer: Mapping[str, Any]

    def check(self) -> None:
        """Build the settings at both ends of every range, and at every choice.

        Raises:
            ConfigError: A name is unknown, a value is out of range, or the bound leaves nothing.
        """
        ratio = self.search.space.get("spatial_ratio")
        if ratio is not None and ratio.choice is None:
            self._spatial(ratio)
        low, high = (
            {name: _values(r, 2)[end] for name, r in self.search.space.items()} for end in (0, -1)
        )
        for point in (low, high, *self._choices(low)):
            self.settings({**point, **self._budgeted(point)})

    def _choices(self, point: Point) -> list[Point]:
        """A point with every other value of every choice, one at a time, but for the ratios.

        An option that some forecasters lack fails where one of these meets it.
        """
        return [
            {**point, name: value}
            for name, dimension in self.search.space.items()
            if name
            not in ("spatial_ratio", "temporal_ratio")  # the bound decides which go together
            for value in dimension.choice or ()
        ]

    def settings(self, point: Point) -> dict[str, Any]:
        """The layers of a trial merged: those of every trial, then the point's.

        Raises:
            ConfigError: They are no settings of a distillation.
        """
        tree = with_settings(self.layer, point.items())
        build_config(self.preset, tree)
        return tree

    def draw(self, trial: Suggester) -> Point:
        """Draw a point."""
        point: Point = {}
        for name, dimension in self._ordered().items():
            if name == "temporal_ratio" and self.search.budget is not None:
                continue
            if name == "spatial_ratio" and dimension.choice is None:
                low, high = self._spatial(dimension)
                point[name] = _number(trial, name, dimension, low, high)
            elif name == "temporal_ratio" and dimension.choice is None:
                low, high = _ends(dimension)
                high = min(high, self._left_for_time(point))
                # The same name must keep its scale for Optuna, so a squeezed range is no error.
                point[name] = low if low >= high else _number(trial, name, dimension, low, high)
            else:
                point[name] = _draw(trial, name, dimension)
        return {**point, **self._budgeted(point)}

    def random_points(self) -> list[Point]:
        """As many points as the sweep has trials, independently drawn."""
        drawn = _RandomTrial(numpy_generator(self.search.seed, "points"))
        return [self.draw(drawn) for _ in range(self.search.trials)]

    def grid(self) -> list[Point]:
        """All combinations of the values of every dimension that the bound admits.

        Raises:
            ConfigError: There are none.
        """
        space = dict(self.search.space)
        if self.search.budget is not None:
            space.pop("temporal_ratio", None)
        values = [_values(dimension, dimension.points) for dimension in space.values()]
        points = [
            {**point, **self._budgeted(point)}
            for combination in itertools.product(*values)
            for point in [dict(zip(space, combination, strict=True))]
        ]
        kept = [p for p in points if self._admits(p)]
        if not kept:
            raise ConfigError(
                f"none of the {len(points)} points of the grid has spatial_ratio x temporal_ratio "
                f"of at most search.largest ({self.search.largest:g}); widen the ranges"
            )
        return kept

    def _ordered(self) -> dict[str, RangeConfig]:
        """The dimensions, time after space."""
        space = dict(self.search.space)
        last = {n: space.pop(n) for n in ("temporal_ratio",) if n in space}
        return {**space, **last}

    def _admits(self, point: Point) -> bool:
        ratios = self._ratios(point)
        product = ratios["spatial_ratio"] * ratios["temporal_ratio"]
        return product <= self.search.largest * (1 + 1e-9) and ratios["temporal_ratio"] <= 1.0

    def _ratios(self, point: Point) -> dict[str, float]:
        base = build_config(self.preset, self.layer)
        return {
            name: float(point.get(name, getattr(base, name)))
            for name in ("spatial_ratio", "temporal_ratio")
        }

    def _left_for_time(self, point: Point) -> float:
        return min(1.0, self.search.largest / self._ratios(point)["spatial_ratio"])

    def _budgeted(self, point: Point) -> Point:
        """The temporal ratio that the budget leaves, none where both are free."""
        if self.search.budget is None:
            return {}
        return {"temporal_ratio": min(1.0, self.search.budget / point["spatial_ratio"])}

    def _spatial(self, dimension: RangeConfig) -> tuple[float, float]:
        """The range of the spatial ratio that budget and bound leave.

        Raises:
            ConfigError: Nothing is left.
        """
        search = self.search
        low, high = _ends(dimension)
        time = search.space.get("temporal_ratio")
        shortest, longest = (0.0, 1.0) if time is None else _ends(time)
        if search.budget is not None:
            low = max(low, search.budget / longest)
            high = min(high, search.budget / shortest if shortest > 0 else high)
        elif shortest > 0:
            high = min(high, search.largest / shortest)
        if low > high:
            raise ConfigError(
                "the search space is empty: no spatial_ratio in its range goes with a "
                f"temporal_ratio in its range under search.budget {search.budget} and "
                f"search.largest {search.largest:g}"
            )
        return low, high


class _RandomTrial:
    """Draws points independently, with Optuna's interface."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        if log:
            return float(math.exp(self.rng.uniform(math.log(low), math.log(high))))
        return float(self.rng.uniform(low, high))

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]


def _ends(dimension: RangeConfig) -> tuple[float, float]:
    values = _values(dimension, 2)
    return float(min(values)), float(max(values))


def _number(trial: Suggester, name: str, dimension: RangeConfig, low: float, high: float) -> float:
    return trial.suggest_float(name, low, high, log=dimension.log is not None)


def _draw(trial: Suggester, name: str, dimension: RangeConfig) -> Any:
    if dimension.choice is not None:
        return trial.suggest_categorical(name, dimension.choice)
    if dimension.integer is not None:
        return trial.suggest_int(name, *dimension.integer)
    return _number(trial, name, dimension, *_ends(dimension))


def _values(dimension: RangeConfig, count: int) -> list[Any]:
    """``count`` values from one end of a range to the other; all values of a choice."""
    if dimension.choice is not None:
        return list(dimension.choice)
    if dimension.log is not None:
        return [float(v) for v in np.geomspace(*dimension.log, count)]
    if dimension.integer is not None:
        return sorted({round(float(v)) for v in np.linspace(*dimension.integer, count)})
    assert dimension.uniform is not None
    return [float(v) for v in np.linspace(*dimension.uniform, count)]
