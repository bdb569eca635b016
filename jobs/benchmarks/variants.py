"""One setting changed at a time: what each part is worth, and whether a budget is spent well.

Every variant is distilled anew and judged by the distilled row alone: evaluators of the same seeds,
on top of the variant's base where it has one, at one rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jobs.benchmarks.datasets import BUDGET, Case, case_file
from stemdist_ray.baselines.rows import ROWS, TrainedRow
from stemdist_ray.comparison.compare import Cell
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.config import DistillConfig, build_config, parse_assignments
from stemdist_ray.distillation.budget import SPATIAL
from stemdist_ray.pipeline import distill
from stemdist_ray.pipeline.evaluate_job import opened_comparison
from stemdist_ray.progress import Reporter, SilentReporter

# Names in tables, and the settings over the preset ``standard``.
ABLATION: Mapping[str, Sequence[str]] = {
    "as it is": (),
    "base: ridge on own lags": ("base=ridge",),
    "base: none": ("base=none",),
    "no season": ("data.season=1",),
    "no calendar inputs": ("data.covariates=[]",),
    "centroids for medoids": ("matching.locations=centroid",),
    "windows evenly spaced": ("matching.init=even",),
    "one teacher": ("teacher.members=1",),
    "readings, no teacher": ("teacher.epochs=0",),
    "5 rounds": ("rounds=5", "validation.every=1"),
}

# All ways to spend the budget; the default picks one of them.
BALANCE: Mapping[str, Sequence[str]] = {
    f"{100 * BUDGET / spatial:g} % x {100 * spatial:g} %": (
        "budget=null",
        f"spatial_ratio={spatial}",
        f"temporal_ratio={BUDGET / spatial}",
    )
    for spatial in SPATIAL
    if BUDGET / spatial <= 1
}

SETS = {"ablation": ABLATION, "balance": {"picked": (), **BALANCE}}


def run_variants(
    case: Case, folder: Path, variants: Mapping[str, Sequence[str]], reporter: Reporter
) -> list[dict[str, Any]]:
    """Distil and judge every variant of one data set, seed 0.

    Args:
        case: Which data set.
        folder: Where its file is.
        variants: Settings by name.
        reporter: Is told of each result.

    Raises:
        ConfigError: The file is not there.
    """
    path, found = case_file(case, folder), []
    for name, settings in variants.items():
        layer = {
            "budget": BUDGET,
            "data": case.data,
            "tracking": {"enabled": False},
            "evaluation": {"rate_factors": (1.0,)},
        }
        config = build_config("standard", layer, parse_assignments(list(settings), DistillConfig))
        with TemporaryDirectory() as scratch:
            result = distill(path, Path(scratch) / case.name, config, reporter=SilentReporter())
            row, track = _distilled_row(result.dataset.config, result, path)
        manifest = result.dataset.manifest
        found.append(
            {
                "variant": name,
                "settings": list(settings),
                "track": track,
                "windows": manifest.size.windows,
                "locations": manifest.size.locations,
                "distill_seconds": manifest.distill_seconds(),
                "relative_rmse": row.test.values["relative_rmse"],
                "validation": row.validation.values["relative_rmse"],
                "repeats": row.test.repeats,
                "history": {str(r.round): r.validation for r in result.history if r.validation},
            }
        )
        error = row.test.values["relative_rmse"]
        reporter.say(f"{case.name}, {name}: {error['mean']:.4f} +- {error['std']:.4f}")
    return found


def _distilled_row(config: DistillConfig, result: Any, path: Path) -> tuple[RowResult, str]:
    row = ROWS.get("distilled")
    assert isinstance(row, TrainedRow)
    with opened_comparison(result.dataset, path, config, SilentReporter()) as work:
        track = work.tracks[0]
        results, _ = work.comparison.run([Cell(config.forecaster, track, row)])
    (outcome,) = results.values()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome, track
