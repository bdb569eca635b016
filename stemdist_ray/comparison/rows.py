"""One row of a result table as typed data, to and from JSON.

The JSON keys are a contract: others read the files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemdist_ray.evaluation.metrics import Summary


@dataclass(frozen=True)
class CurvePoint:
    """What a training that ended after some steps would have given.

    Args:
        steps: Optimiser steps.
        train_seconds: Time in them, mean over repeats.
        validation: Relative RMSE on the validation windows that choose the epoch, mean.
        test: Relative RMSE on the test split, mean over repeats.
        test_std: Its standard deviation.
    """

    steps: int
    train_seconds: float
    validation: float
    test: float
    test_std: float

    def to_json(self) -> dict[str, Any]:
        """As plain data, with the key of the metrics."""
        return {
            "steps": self.steps,
            "train_seconds": self.train_seconds,
            "validation_relative_rmse": self.validation,
            "relative_rmse": {"mean": self.test, "std": self.test_std},
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> CurvePoint:
        """Read what :meth:`to_json` wrote."""
        test = tree["relative_rmse"]
        return cls(
            steps=int(tree["steps"]),
            train_seconds=float(tree["train_seconds"]),
            validation=number(tree["validation_relative_rmse"]),
            test=number(test["mean"]),
            test_std=number(test["std"]),
        )


def number(value: float | None) -> float:
    """A number of a JSON file, where null stands for NaN."""
    return math.nan if value is None else float(value)


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
        learning_rate: That validation chose for the row; 0 for rows in closed form.
        curve: Errors along the way; empty for rows in closed form.
        errors: Relative RMSE on the test split, per repeat.
    """

    test: Summary
    validation: Summary
    train_seconds: float = 0.0
    peak_rss_mib: float = 0.0
    optimizer_steps: int = 0
    best_epochs: tuple[int, ...] = ()
    num_parameters: int = 0
    learning_rate: float = 0.0
    curve: tuple[CurvePoint, ...] = ()
    errors: tuple[float, ...] = ()

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
            "learning_rate": self.learning_rate,
            "curve": [point.to_json() for point in self.curve],
            "errors": list(self.errors),
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
            learning_rate=float(tree.get("learning_rate", 0.0)),
            curve=tuple(CurvePoint.from_json(point) for point in tree.get("curve", ())),
            errors=tuple(number(error) for error in tree.get("errors", ())),
        )
