"""Cross-architecture evaluation: one distilled data set, many forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stemdist_ray.artifact.dataset import CROSS_EVALUATION, SyntheticDataset
from stemdist_ray.comparison.compare import Cell
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.comparison.table import CrossEvaluation
from stemdist_ray.comparison.wanted import wanted_rows
from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.execution.executor import Executor
from stemdist_ray.forecasters import FORECASTERS, check_forecaster
from stemdist_ray.pipeline.evaluate_job import opened_comparison, track_evaluation
from stemdist_ray.progress import Reporter, SilentReporter


def evaluate_forecasters(
    artifact: str | Path | SyntheticDataset,
    source: Source | PreparedSource,
    forecasters: Sequence[str] | None = None,
    config: DistillConfig | None = None,
    *,
    full_data: bool = False,
    reporter: Reporter | None = None,
    executor: Executor | None = None,
) -> CrossEvaluation:
    """Train many forecasters on the distilled data, on a random subset and on sampled full data.

    On the default track: on top of the data set's base where it has one.

    Every forecaster has its default options, the surrogate those it distilled with. A given graph
    goes to those that take one.

    Args:
        artifact: As for :func:`stemdist_ray.evaluate`; in a folder, the table is also written to
            ``cross_architecture.json`` and tracked.
        source: The real series.
        forecasters: Names; None = all that are registered.
        config: Budget, protocol, seed and tracking; None = the artifact's.
        full_data: Also train each on all data until validation stops improving.
        reporter: Told of progress; silent when None.
        executor: As for :func:`stemdist_ray.evaluate`.

    Raises:
        ArtifactError, DataError, ConfigError: As for ``evaluate``.
    """
    reporter = reporter or SilentReporter()
    names = FORECASTERS.names() if forecasters is None else list(dict.fromkeys(forecasters))
    for name in names:
        check_forecaster(ForecasterConfig(name=name))
    rows: dict[str, dict[str, RowResult]] = {}
    failed: dict[str, str] = {}
    with opened_comparison(artifact, source, config, reporter, executor, names) as work:
        some = wanted_rows(full_data, work.config.evaluation)
        wanted = [row for row in some if row.in_cross_table]
        surrogate, track = work.dataset.config.forecaster, work.tracks[0]
        kinds = [surrogate if n == surrogate.name else ForecasterConfig(name=n) for n in names]
        cells = [Cell(kind, track, row) for kind in kinds for row in wanted]
        results, naive = work.comparison.run(cells)
        for (name, _, row), found in results.items():
            if isinstance(found, RowResult):
                rows.setdefault(name, {})[row] = found
            else:
                failed[name] = str(found)
        for name, why in failed.items():
            rows.pop(name, None)
            reporter.say(f"{name} left out: {why}")
        result = CrossEvaluation(
            rows=rows,
            failed=failed,
            naive=naive,
            surrogate=surrogate.name,
            protocol=work.config.evaluation.protocol,
            seed=work.config.seed,
            track=track,
            graph=work.graph,
            zero_shot=work.config.evaluation.zero_shot,
        )
        if work.folder is not None:
            table = work.write(CROSS_EVALUATION, result.to_json())
            flat = {f"{name}.{row}": r for name, some in rows.items() for row, r in some.items()}
            track_evaluation(work, table, flat, ",".join(names))
    return result
