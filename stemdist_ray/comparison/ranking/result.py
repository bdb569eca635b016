"""The result of a ranking as typed data, to and from JSON, and as rows of a table.

Axis letters: C configurations, R repeats.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stemdist_ray.comparison.ranking.agreement import (
    MEASURES,
    Errors,
    Interval,
    Truth,
    advantage,
    agreement,
    intervals,
    resampled,
)
from stemdist_ray.comparison.ranking.cells import DISTILLED, FULL, Cell
from stemdist_ray.comparison.ranking.configurations import Configuration
from stemdist_ray.comparison.rows import number
from stemdist_ray.config.secrets import redact
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.system.environment import command_line, hardware, package_versions


@dataclass(frozen=True)
class Ranked:
    """How one kind of training data ranks the configurations.

    Args:
        trained_on: Which.
        measures: "spearman", "kendall", "regret", "regret_percent", and the regrets of the
            finalist, with intervals.
        chosen: Name of the configuration that validates best.
        finalist: Name of the one that full training chooses among those that validate best.
        ahead_seconds: What the data cost before the first training: distilling, teacher, base.
        train_seconds: All trainings of one search, mean over repeats.
        finalist_seconds: Full training of the finalists, mean over repeats; 0 for full training
            itself, which has trained them.
        advantage: Spearman's correlation of the distilled data minus this one, on the same
            resamples; None where nothing was distilled.
        regret_per_second_saved: Regret over the seconds saved against full training; NaN where
            none are.
    """

    trained_on: str
    measures: Mapping[str, Interval]
    chosen: str
    finalist: str
    ahead_seconds: float
    train_seconds: float
    finalist_seconds: float
    regret_per_second_saved: float
    advantage: Interval | None = None

    @property
    def seconds(self) -> float:
        """Of a search in all."""
        return self.ahead_seconds + self.train_seconds

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **{name: interval.to_json() for name, interval in self.measures.items()},
            "chosen": self.chosen,
            "finalist": self.finalist,
            "ahead_seconds": self.ahead_seconds,
            "train_seconds": self.train_seconds,
            "seconds": self.seconds,
            "finalist_seconds": self.finalist_seconds,
            "advantage": None if self.advantage is None else self.advantage.to_json(),
            "regret_per_second_saved": self.regret_per_second_saved,
        }

    @classmethod
    def from_json(cls, trained_on: str, tree: Mapping[str, Any]) -> Ranked:
        """Read what :meth:`to_json` wrote."""
        gain = tree["advantage"]
        return cls(
            trained_on=trained_on,
            measures={name: Interval.from_json(tree[name]) for name in MEASURES},
            chosen=str(tree["chosen"]),
            finalist=str(tree["finalist"]),
            ahead_seconds=number(tree["ahead_seconds"]),
            train_seconds=float(tree["train_seconds"]),
            finalist_seconds=float(tree["finalist_seconds"]),
            advantage=None if gain is None else Interval.from_json(gain),
            regret_per_second_saved=number(tree["regret_per_second_saved"]),
        )


@dataclass(frozen=True)
class Ranking:
    """How training data of several kinds rank configurations, against full training.

    What ranks is the error on the real validation split; the truth is the test error of full
    training. Full training stands among those that rank, too: by its own validation error.

    Args:
        ranked: By training data, full training last.
        configurations: What was ranked, in the order asked for.
        cells: Every training.
        track: "with_base" or "network_alone".
        seed: Seed of the ranking.
        repeats: Seeds per configuration and training data.
        finalists: Configurations that are trained fully in the end, of those that validate best.
        source: The real series.
        versions: Of Python and packages.
        hardware: Of the machine that wrote it down.
        command: What made it; empty where it was not written down.
    """

    ranked: Mapping[str, Ranked]
    configurations: tuple[Configuration, ...]
    cells: tuple[Cell, ...]
    track: str
    seed: int
    repeats: int
    finalists: int
    source: str
    versions: Mapping[str, str] = field(default_factory=package_versions)
    hardware: Mapping[str, Any] = field(default_factory=hardware)
    command: str = field(default_factory=lambda: redact(command_line()))

    @property
    def best(self) -> str:
        """Name of the configuration with the lowest test error after full training."""
        return self.configurations[int(np.argmin(self.truth().mean(axis=1)))].name

    def errors(self, trained_on: str) -> Errors:
        """Validation relative RMSE: (C, R), infinite where a training diverged."""
        return errors_of(self.cells, self.configurations, trained_on, "validation")

    def truth(self) -> Errors:
        """Test relative RMSE of full training: (C, R), infinite where a training diverged."""
        return errors_of(self.cells, self.configurations, FULL, "test")

    def to_json(self) -> dict[str, Any]:
        """The contract of ``rank.json``."""
        return {
            "ranked": {name: one.to_json() for name, one in self.ranked.items()},
            "best": self.best,
            "configurations": [one.to_json() for one in self.configurations],
            "cells": [cell.to_json() for cell in self.cells],
            "track": self.track,
            "seed": self.seed,
            "repeats": self.repeats,
            "finalists": self.finalists,
            "source": self.source,
            "ranks_by": "validation relative RMSE on the real validation split",
            "truth": "test relative RMSE of full training",
            "versions": dict(self.versions),
            "hardware": dict(self.hardware),
            "command": self.command,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Ranking:
        """Read what :meth:`to_json` wrote."""
        return cls(
            ranked={name: Ranked.from_json(name, one) for name, one in tree["ranked"].items()},
            configurations=tuple(Configuration.from_json(one) for one in tree["configurations"]),
            cells=tuple(Cell.from_json(cell) for cell in tree["cells"]),
            track=str(tree["track"]),
            seed=int(tree["seed"]),
            repeats=int(tree["repeats"]),
            finalists=int(tree["finalists"]),
            source=str(tree["source"]),
            versions=tree["versions"],
            hardware=tree["hardware"],
            command=str(tree.get("command", "")),  # earlier files do not have it
        )

    def to_records(self) -> list[dict[str, Any]]:
        """A flat record per training, for a table."""
        known = {one.name: one for one in self.configurations}
        return [
            {
                "trained_on": cell.trained_on,
                "configuration": cell.configuration,
                "forecaster": known[cell.configuration].forecaster.name,
                "learning_rate": known[cell.configuration].learning_rate,
                "width": known[cell.configuration].width,
                "repeat": cell.repeat,
                "validation_relative_rmse": _finite(cell.validation),
                "test_relative_rmse": _finite(cell.test),
                "fit_seconds": cell.fit_seconds,
                "seconds": cell.seconds,
                "optimizer_steps": cell.optimizer_steps,
                "best_epoch": cell.best_epoch,
                "num_parameters": cell.num_parameters,
                "peak_rss_mib": cell.peak_rss_mib,
                "failed": cell.failed,
            }
            for cell in self.cells
        ]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def errors_of(
    cells: Sequence[Cell], configurations: Sequence[Configuration], trained_on: str, part: str
) -> Errors:
    """Errors of one kind of training data, (C, R).

    Args:
        cells: Trainings, in any order.
        configurations: Their order is that of the result.
        trained_on: Which of them count.
        part: "validation" or "test".
    """
    own = {(c.configuration, c.repeat): getattr(c, part) for c in cells if _is_of(c, trained_on)}
    repeats = sorted({repeat for _, repeat in own})
    return np.array([[own[one.name, repeat] for repeat in repeats] for one in configurations])


def _is_of(cell: Cell, trained_on: str) -> bool:
    return cell.trained_on == trained_on


def rank_all(
    cells: Sequence[Cell],
    configurations: Sequence[Configuration],
    trained_on: Sequence[str],
    ahead: Mapping[str, float],
    resamples: int,
    seed: int,
    finalists: int,
) -> dict[str, Ranked]:
    """Compare the order that each kind of training data gives with that of full training.

    Args:
        cells: Every training.
        configurations: What was trained.
        trained_on: Kinds of training data, full training among them.
        ahead: Seconds that each takes before the first training.
        resamples: Behind the intervals.
        seed: Of the ranking.
        finalists: Configurations that are trained fully in the end.
    """
    errors = {n: errors_of(cells, configurations, n, "validation") for n in trained_on}
    truth = Truth(errors_of(cells, configurations, FULL, "test"), errors[FULL], finalists)
    # The same draws for all of them, so that intervals differ by what is compared alone.
    found = {
        name: (
            agreement(own, truth),
            resampled(own, truth, resamples, numpy_generator(seed, "rank resamples")),
        )
        for name, own in errors.items()
    }
    spent = {name: _train_seconds(cells, name) for name in trained_on}
    whole = ahead[FULL] + spent[FULL]
    ranked = {}
    for name, (one, drawn) in found.items():
        saved = whole - ahead[name] - spent[name]
        last = np.argsort(errors[name].mean(axis=1), kind="stable")[:finalists]
        names = {configurations[place].name for place in last}
        ranked[name] = Ranked(
            trained_on=name,
            measures=intervals(one, drawn),
            chosen=configurations[one.chosen].name,
            finalist=configurations[one.finalist].name,
            ahead_seconds=ahead[name],
            train_seconds=spent[name],
            finalist_seconds=0.0 if name == FULL else _train_seconds(cells, FULL, names),
            regret_per_second_saved=one.regret / saved if saved > 0 else math.nan,
            advantage=None if DISTILLED not in found else advantage(found[DISTILLED], found[name]),
        )
    return ranked


def _train_seconds(
    cells: Sequence[Cell], trained_on: str, names: Collection[str] | None = None
) -> float:
    """Seconds of one search over configurations (None = all), mean over repeats."""
    own = [cell for cell in cells if _is_of(cell, trained_on)]
    repeats = len({cell.repeat for cell in own})
    return sum(c.seconds for c in own if names is None or c.configuration in names) / repeats
