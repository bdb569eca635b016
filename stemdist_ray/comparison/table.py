"""The results of comparisons as typed data, to and from JSON.

The JSON keys are a contract: others read the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemdist_ray.errors import ArtifactError
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Summary
from stemdist_ray.system.environment import hardware, package_versions

DISTILLED = "distilled"


@dataclass(frozen=True)
class RowResult:
    """One row of a table.

    Args:
        test: Metrics on the test split.
        validation: Metrics on the whole validation split.
        train_seconds: Seconds in training steps, mean over repeats.
        peak_rss_mib: Peak resident memory while training and scoring.
        optimizer_steps: Steps per repeat.
        best_epochs: Epoch kept, per repeat.
        num_parameters: Of the trained model; 0 for rows in closed form.
    """

    test: Summary
    validation: Summary
    train_seconds: float = 0.0
    peak_rss_mib: float = 0.0
    optimizer_steps: int = 0
    best_epochs: tuple[int, ...] = ()
    num_parameters: int = 0

    def to_json(self) -> dict[str, Any]:
        """Test metrics at top level, the rest beside them."""
        return {
            **self.test.to_json(),
            "validation": self.validation.to_json(),
            "train_seconds": self.train_seconds,
            "peak_rss_mib": self.peak_rss_mib,
            "optimizer_steps": self.optimizer_steps,
            "best_epochs": list(self.best_epochs),
            "num_parameters": self.num_parameters,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> RowResult:
        """Read what :meth:`to_json` wrote; other keys beside its own are left alone."""
        return cls(
            test=Summary.from_json(tree),
            validation=Summary.from_json(tree["validation"]),
            train_seconds=float(tree["train_seconds"]),
            peak_rss_mib=float(tree["peak_rss_mib"]),
            optimizer_steps=int(tree["optimizer_steps"]),
            best_epochs=tuple(tree["best_epochs"]),
            num_parameters=int(tree["num_parameters"]),
        )


@dataclass(frozen=True)
class Evaluation:
    """The table of one evaluator.

    Args:
        rows: Rows that were trained, by name, the distilled one first.
        naive: Rows in closed form, by name.
        forecaster: Name of the evaluator.
        protocol: "fair" or "paper".
        seed: Seed of the evaluation.
        peak_rss_mib: Highest resident memory of the evaluation.
        versions: Of Python and packages.
        hardware: Of the machine.
    """

    rows: Mapping[str, RowResult]
    naive: Mapping[str, RowResult]
    forecaster: str
    protocol: str
    seed: int
    peak_rss_mib: float
    versions: Mapping[str, str] = field(default_factory=package_versions)
    hardware: Mapping[str, Any] = field(default_factory=hardware)

    @property
    def distilled(self) -> RowResult:
        """Trained on the distilled data."""
        return self.rows[DISTILLED]

    def every_row(self) -> dict[str, RowResult]:
        """Trained rows, then those in closed form."""
        return {**self.rows, **self.naive}

    def to_json(self) -> dict[str, Any]:
        """The contract of ``stemdist evaluate --json``: the distilled row's keys at top level.

        ``full_data`` is null where it was not trained.
        """
        others = {name: row.to_json() for name, row in self.rows.items() if name != DISTILLED}
        return {
            **self.distilled.to_json(),
            "naive": {name: row.to_json() for name, row in self.naive.items()},
            **others,
            "full_data": others.get("full_data"),
            "forecaster": self.forecaster,
            "protocol": self.protocol,
            "seed": self.seed,
            "peak_rss_mib": self.peak_rss_mib,
            "versions": dict(self.versions),
            "hardware": dict(self.hardware),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Evaluation:
        """Read what :meth:`to_json` wrote."""
        own = RowResult.from_json(tree)
        # A row is what holds metrics; so rows of other releases are found, too.
        others = {
            name: RowResult.from_json(value)
            for name, value in tree.items()
            if isinstance(value, dict) and name != "validation" and "best_epochs" in value
        }
        return cls(
            rows={DISTILLED: own, **others},
            naive={name: RowResult.from_json(row) for name, row in tree["naive"].items()},
            forecaster=tree["forecaster"],
            protocol=tree["protocol"],
            seed=tree["seed"],
            peak_rss_mib=tree["peak_rss_mib"],
            versions=tree["versions"],
            hardware=tree["hardware"],
        )


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
        versions: Of Python and packages.
        hardware: Of the machine.
    """

    rows: Mapping[str, Mapping[str, RowResult]]
    failed: Mapping[str, str]
    naive: Mapping[str, RowResult]
    surrogate: str
    protocol: str
    seed: int
    versions: Mapping[str, str] = field(default_factory=package_versions)
    hardware: Mapping[str, Any] = field(default_factory=hardware)

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
            "versions": dict(self.versions),
            "hardware": dict(self.hardware),
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
            versions=tree["versions"],
            hardware=tree["hardware"],
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
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _parsed(parse: Any, tree: Any, path: Path) -> Any:
    try:
        return parse(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{path} is damaged: {error!r}; run stemdist evaluate again")
