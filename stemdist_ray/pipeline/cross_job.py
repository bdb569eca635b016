"""Cross-architecture evaluation: one distilled data set, many forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.dataset import CROSS_EVALUATION, SyntheticDataset
from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.environment import hardware, package_versions
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.compare import MethodResult
from stemdist_ray.evaluation.metrics import METRIC_NAMES
from stemdist_ray.files import write_json
from stemdist_ray.forecasters import FORECASTERS, check_forecaster
from stemdist_ray.pipeline.evaluate_job import opened_comparison, track_evaluation, train_rows
from stemdist_ray.pipeline.inputs import Source
from stemdist_ray.progress import Reporter, SilentReporter

CROSS_ROWS = ("distilled", "random_subset", "node_sampled")


@dataclass(frozen=True)
class CrossEvaluation:
    """The cross-architecture table.

    Args:
        rows: By forecaster, then by what it was trained on.
        failed: Forecasters that could not be trained, and why.
        naive: Trivial forecasters by name.
        surrogate: The forecaster the data were distilled with.
        protocol: "fair" or "paper".
        seed: Seed of the evaluation.
    """

    rows: dict[str, dict[str, MethodResult]]
    failed: dict[str, str]
    naive: dict[str, MethodResult]
    surrogate: str
    protocol: str
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The table as plain data."""
        return {
            "forecasters": {
                name: {row: result.to_json() for row, result in rows.items()}
                for name, rows in self.rows.items()
            },
            "failed": self.failed,
            "naive": {name: row.to_json() for name, row in self.naive.items()},
            "surrogate": self.surrogate,
            "protocol": self.protocol,
            "seed": self.seed,
            "versions": package_versions(),
            "hardware": hardware(),
        }

    def to_records(self) -> list[dict[str, Any]]:
        """One flat record per forecaster and training data, for a CSV file."""
        records = []
        naive = {name: {name: row} for name, row in self.naive.items()}
        for forecaster, rows in {**self.rows, **naive}.items():
            for trained_on, result in rows.items():
                numbers = {
                    f"{metric}_{part}": result.test.values[metric][part]
                    for metric in METRIC_NAMES
                    for part in ("mean", "std")
                }
                records.append(
                    {
                        "forecaster": forecaster,
                        "trained_on": "full_data" if forecaster in self.naive else trained_on,
                        **numbers,
                        "validation_relative_rmse": result.validation.values["relative_rmse"][
                            "mean"
                        ],
                        "repeats": result.test.repeats,
                        "optimizer_steps": result.optimizer_steps,
                        "train_seconds": result.train_seconds,
                        "peak_rss_mib": result.peak_rss_mib,
                        "num_parameters": result.num_parameters,
                    }
                )
        return records


def evaluate_forecasters(
    artifact: str | Path | SyntheticDataset,
    source: Source,
    forecasters: Sequence[str] | None = None,
    config: DistillConfig | None = None,
    *,
    full_data: bool = False,
    reporter: Reporter | None = None,
) -> CrossEvaluation:
    """Train many forecasters on the distilled data, on a random subset and on sampled full data.

    Every forecaster has its default options, the surrogate those it distilled with.

    Args:
        artifact: As for :func:`stemdist_ray.evaluate`; in a folder, the table is also written to
            ``cross_architecture.json`` and tracked.
        source: The real series.
        forecasters: Names; None = all that are registered.
        config: Budget, protocol, seed and tracking; None = the artifact's.
        full_data: Also train each on all data until validation stops improving.
        reporter: Told of progress; silent when None.

    Raises:
        ArtifactError, DataError, ConfigError: As for ``evaluate``.
    """
    reporter = reporter or SilentReporter()
    names = FORECASTERS.names() if forecasters is None else list(dict.fromkeys(forecasters))
    for name in names:
        check_forecaster(ForecasterConfig(name=name))
    rows: dict[str, dict[str, MethodResult]] = {}
    failed: dict[str, str] = {}
    with opened_comparison(artifact, source, config, reporter) as work:
        surrogate = work.dataset.config.forecaster
        for name in names:
            chosen = surrogate if name == surrogate.name else ForecasterConfig(name=name)
            comparison = work.comparison.with_forecaster(chosen)
            try:
                rows[name] = train_rows(comparison, CROSS_ROWS, full_data, reporter)
            except DivergenceError as error:
                failed[name] = str(error)
                reporter.say(f"{name} left out: {error}")
        naive = work.comparison.naive_rows()
    result = CrossEvaluation(
        rows=rows,
        failed=failed,
        naive=naive,
        surrogate=surrogate.name,
        protocol=work.config.evaluation.protocol,
        seed=work.config.seed,
    )
    if work.folder is not None:
        write_json(work.folder / CROSS_EVALUATION, result.to_json())
        flat = {f"{name}.{row}": r for name, some in rows.items() for row, r in some.items()}
        track_evaluation(work, work.folder / CROSS_EVALUATION, flat, ",".join(names))
    return result
