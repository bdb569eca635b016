"""Cross-architecture evaluation: one distilled data set, many forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stemdist_ray.artifact.dataset import CROSS_EVALUATION, SyntheticDataset
from stemdist_ray.comparison.table import CrossEvaluation, RowResult
from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.errors import DivergenceError
from stemdist_ray.forecasters import FORECASTERS, check_forecaster
from stemdist_ray.pipeline.evaluate_job import opened_comparison, track_evaluation, wanted_rows
from stemdist_ray.progress import Reporter, SilentReporter
from stemdist_ray.system.files import write_json


def evaluate_forecasters(
    artifact: str | Path | SyntheticDataset,
    source: Source | PreparedSource,
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
    wanted = [row for row in wanted_rows(full_data) if row.in_cross_table]
    rows: dict[str, dict[str, RowResult]] = {}
    failed: dict[str, str] = {}
    with opened_comparison(artifact, source, config, reporter) as work:
        surrogate = work.dataset.config.forecaster
        for name in names:
            chosen = surrogate if name == surrogate.name else ForecasterConfig(name=name)
            try:
                rows[name] = work.comparison.with_forecaster(chosen).train(wanted)
            except DivergenceError as error:
                failed[name] = str(error)
                reporter.say(f"{name} left out: {error}")
        naive = work.comparison.closed_form()
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
