"""The results of comparisons as typed data, to and from JSON.

The JSON keys are a contract: others read the files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemdist_ray.comparison.break_even import break_evens
from stemdist_ray.comparison.rows import RowResult, number
from stemdist_ray.errors import ArtifactError
from stemdist_ray.evaluation.metrics import METRIC_NAMES
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import read_json

DISTILLED = "distilled"


Rows = Mapping[str, RowResult]
"""Rows of one track, by name, the distilled one first."""

TRACKS = ("with_base", "network_alone")  # the first of them that was compared is the default one


@dataclass(frozen=True)
class Evaluation:
    """The table of one evaluator.

    Args:
        tracks: Rows that were trained, by track: evaluators on top of a base ("with_base"), and
            forecasting alone ("network_alone").
        naive: Rows in closed form, by name.
        forecaster: Name of the evaluator.
        protocol: "fair" or "paper".
        seed: Seed of the evaluation.
        peak_rss_mib: Highest resident memory of the evaluation.
        distill_seconds: What distilling took, teacher and base included; NaN where not known.
        versions: Of Python and packages.
        hardware: Of the machine.
        graph: What the given graph is, None where none was given.
        zero_shot: The pre-trained forecaster of row ``zero_shot``, None without one.
    """

    tracks: Mapping[str, Rows]
    naive: Rows
    forecaster: str
    protocol: str
    seed: int
    peak_rss_mib: float
    distill_seconds: float = math.nan
    versions: Mapping[str, str] = field(default_factory=package_versions)
    hardware: Mapping[str, Any] = field(default_factory=hardware)
    graph: str | None = None
    zero_shot: str | None = None

    @property
    def track(self) -> str:
        """The default track."""
        return next(name for name in TRACKS if name in self.tracks)

    @property
    def rows(self) -> Rows:
        """Rows of the default track."""
        return self.tracks[self.track]

    @property
    def distilled(self) -> RowResult:
        """Trained on the distilled data, default track."""
        return self.rows[DISTILLED]

    def every_row(self) -> dict[str, RowResult]:
        """Trained rows of the default track, then those in closed form."""
        return {**self.rows, **self.naive}

    def to_json(self) -> dict[str, Any]:
        """The contract of ``stemdist evaluate --json``.

        At top level stand the keys of the default track; ``with_base`` and ``network_alone`` hold
        the same keys for either track, null for one that was not compared. ``full_data`` is null
        where it was not trained.
        """
        return {
            **_track_json(self.rows),
            "naive": {name: row.to_json() for name, row in self.naive.items()},
            **{
                name: _track_json(self.tracks[name]) if name in self.tracks else None
                for name in TRACKS
            },
            "track": self.track,
            "forecaster": self.forecaster,
            "protocol": self.protocol,
            "seed": self.seed,
            "peak_rss_mib": self.peak_rss_mib,
            "distill_seconds": self.distill_seconds,
            "break_even": break_evens(self.tracks, self.distill_seconds),
            "versions": dict(self.versions),
            "hardware": dict(self.hardware),
            **_given("graph", self.graph),
            **_given("zero_shot", self.zero_shot),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Evaluation:
        """Read what :meth:`to_json` wrote."""
        found = {name: _track_of(tree[name]) for name in TRACKS if tree.get(name)}
        return cls(
            # Releases before this had one track.
            tracks=found or {"network_alone": _track_of(tree)},
            naive={name: RowResult.from_json(row) for name, row in tree["naive"].items()},
            forecaster=tree["forecaster"],
            protocol=tree["protocol"],
            seed=tree["seed"],
            peak_rss_mib=tree["peak_rss_mib"],
            distill_seconds=number(tree.get("distill_seconds")),
            versions=tree["versions"],
            hardware=tree["hardware"],
            graph=tree.get("graph"),
            zero_shot=tree.get("zero_shot"),
        )


def _given(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


def _track_json(rows: Rows) -> dict[str, Any]:
    """The distilled row's keys, and the other rows by name."""
    others = {name: row.to_json() for name, row in rows.items() if name != DISTILLED}
    return {**rows[DISTILLED].to_json(), **others, "full_data": others.get("full_data")}


def _track_of(tree: Mapping[str, Any]) -> dict[str, RowResult]:
    # A row is what holds metrics; so rows of other releases are found, too.
    others = {
        name: RowResult.from_json(value)
        for name, value in tree.items()
        if isinstance(value, dict) and name not in _NO_ROWS and "best_epochs" in value
    }
    return {DISTILLED: RowResult.from_json(tree), **others}


_NO_ROWS = ("validation", *TRACKS)


@dataclass(frozen=True)
class CrossEvaluation:
    """The cross-architecture table.

    Args:
        rows: By forecaster, then by what it was trained on.
        failed: Forecasters that could not be trained, and why.
        naive: Rows in closed form, by name.
        surrogate: The forecaster the data were distilled with.
        protocol: "fair" or "paper".
        seed: Seed of the evaluation.
        track: "with_base" or "network_alone".
        versions: Of Python and packages.
        hardware: Of the machine.
        graph: What the given graph is, for forecasters that take one; None where none was given.
        zero_shot: The pre-trained forecaster of row ``zero_shot``, None without one.
    """

    rows: Mapping[str, Mapping[str, RowResult]]
    failed: Mapping[str, str]
    naive: Mapping[str, RowResult]
    surrogate: str
    protocol: str
    seed: int
    track: str = "network_alone"
    versions: Mapping[str, str] = field(default_factory=package_versions)
    hardware: Mapping[str, Any] = field(default_factory=hardware)
    graph: str | None = None
    zero_shot: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The table as plain data."""
        return {
            "forecasters": {
                name: {row: result.to_json() for row, result in rows.items()}
                for name, rows in self.rows.items()
            },
            "failed": dict(self.failed),
            "naive": {name: row.to_json() for name, row in self.naive.items()},
            "surrogate": self.surrogate,
            "protocol": self.protocol,
            "seed": self.seed,
            "track": self.track,
            "versions": dict(self.versions),
            "hardware": dict(self.hardware),
            **_given("graph", self.graph),
            **_given("zero_shot", self.zero_shot),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> CrossEvaluation:
        """Read what :meth:`to_json` wrote."""
        return cls(
            rows={
                name: {row: RowResult.from_json(result) for row, result in rows.items()}
                for name, rows in tree["forecasters"].items()
            },
            failed=tree["failed"],
            naive={name: RowResult.from_json(row) for name, row in tree["naive"].items()},
            surrogate=tree["surrogate"],
            protocol=tree["protocol"],
            seed=tree["seed"],
            track=tree.get("track", "network_alone"),
            versions=tree["versions"],
            hardware=tree["hardware"],
            graph=tree.get("graph"),
            zero_shot=tree.get("zero_shot"),
        )

    def to_records(self) -> list[dict[str, Any]]:
        """One flat record per forecaster and training data, for a CSV file."""
        naive = {name: {"full_data": row} for name, row in self.naive.items()}
        return [
            _record(forecaster, trained_on, result)
            for forecaster, rows in {**self.rows, **naive}.items()
            for trained_on, result in rows.items()
        ]


def _record(forecaster: str, trained_on: str, result: RowResult) -> dict[str, Any]:
    metrics = {
        f"{metric}_{part}": result.test.values[metric][part]
        for metric in METRIC_NAMES
        for part in ("mean", "std")
    }
    return {
        "forecaster": forecaster,
        "trained_on": trained_on,
        **metrics,
        "validation_relative_rmse": result.validation.values["relative_rmse"]["mean"],
        "repeats": result.test.repeats,
        "optimizer_steps": result.optimizer_steps,
        "train_seconds": result.train_seconds,
        "peak_rss_mib": result.peak_rss_mib,
        "num_parameters": result.num_parameters,
    }


def read_evaluation(path: Path) -> Evaluation | None:
    """Read ``evaluation.json``, None where there is none.

    Raises:
        ArtifactError: It is damaged.
    """
    tree = _read(path)
    return None if tree is None else _parsed(Evaluation.from_json, tree, path)


def read_cross_evaluation(path: Path) -> CrossEvaluation | None:
    """Read ``cross_architecture.json``, None where there is none.

    Raises:
        ArtifactError: It is damaged.
    """
    tree = _read(path)
    return None if tree is None else _parsed(CrossEvaluation.from_json, tree, path)


def _read(path: Path) -> Any:
    if not path.exists():
        return None
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _parsed(parse: Any, tree: Any, path: Path) -> Any:
    try:
        return parse(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path} is damaged: {error!r}; run stemdist evaluate again")
