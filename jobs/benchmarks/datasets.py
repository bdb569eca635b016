"""Distil and evaluate public data sets, several seeds each, and keep what came out as JSON.

``jobs/results/`` holds the files behind the tables of ``jobs/README.md``; the tables are made of it
(:mod:`jobs.benchmarks.result_tables`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stemdist_ray.config import DistillConfig, build_config, parse_assignments
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import DistillResult, distill, evaluate
from stemdist_ray.progress import Reporter
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import write_json

BUDGET = 0.005  # synthetic entries / real ones, as in the paper's main table


@dataclass(frozen=True)
class Case:
    """One data set.

    Args:
        name: Of the result file.
        title: In tables.
        file: Name of the data file.
        data: Data settings.
    """

    name: str
    title: str
    file: str
    data: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case(
        "metr_la",
        "METR-LA speeds, one week (2016 x 207)",
        "metr_la_week_speed.csv",
        {"start": "2012-03-01", "sampling_step": "5min"},
    ),
    Case(
        "bus",
        "Montevideo bus boardings, October 2020 (744 x 675)",
        "montevideo_bus_inflow.parquet",
        {"start": "2020-10-01", "sampling_step": "1h"},
    ),
    Case("era5", "ERA5 2 m temperature, March 2019 (744 x 1617)", "era5_uk_t2m_2019_03.nc"),
    Case(
        "beijing",
        "Beijing metro entries, 25 weekdays (2700 x 276)",
        "beijing_metro_10min.npz",
        {"season": 108},
    ),
    Case("simbench", "SimBench loads, a year (35132 x 96)", "simbench_load_2016.parquet"),
    Case(
        "sst",
        "Pacific sea-surface temperature, monthly (399 x 2261)",
        "sst_pacific_monthly.npz",
        {"season": 12},
    ),
)


def run_case(
    case: Case,
    folder: Path,
    seeds: Sequence[int],
    full_data: bool,
    settings: Sequence[str],
    reporter: Reporter,
) -> dict[str, Any]:
    """Distil and evaluate one data set with every seed.

    Args:
        case: Which.
        folder: Where its file is.
        seeds: One distillation each; the evaluators' seeds follow from them.
        full_data: Also train on all data until validation stops improving (first seed only).
        settings: NAME=VALUE, over the preset ``standard``.
        reporter: Is told of progress.

    Raises:
        ConfigError: The file is not there.
    """
    path, runs = case_file(case, folder), []
    for seed in seeds:
        config = _config(case, seed, settings)
        with TemporaryDirectory() as scratch:
            result = distill(path, Path(scratch) / case.name, config, reporter=reporter)
            table = evaluate(
                result.dataset,
                path,
                full_data=full_data and seed == seeds[0],
                reporter=reporter,
            )
        runs.append({"seed": seed, **_distilled(result), "evaluation": _short(table.to_json())})
    return {"name": case.name, "title": case.title, "runs": runs}


def case_file(case: Case, folder: Path) -> Path:
    """Path of a data file.

    Raises:
        ConfigError: It is not there.
    """
    path = folder / case.file
    if not path.exists():
        raise ConfigError(f"{path} is not there; --data names the folder of the data files")
    return path


def _config(case: Case, seed: int, settings: Sequence[str]) -> DistillConfig:
    layer = {
        "budget": BUDGET,
        "seed": seed,
        "data": case.data,
        "tracking": {"enabled": False},
    }
    return build_config("standard", layer, parse_assignments(list(settings), DistillConfig))


def _distilled(result: DistillResult) -> dict[str, Any]:
    manifest = result.dataset.manifest
    return {
        "spatial_ratio": manifest.spatial_ratio,
        "temporal_ratio": manifest.temporal_ratio,
        "size": manifest.size.model_dump(mode="json"),
        "seconds": {name: record.seconds for name, record in manifest.stages.items()},
        "distill_seconds": manifest.distill_seconds(),
        "teachers": dict(manifest.result.teachers),
        "base": None if manifest.base is None else manifest.base.to_json(),
        "best_round": result.best_round,
        "validation": {
            str(record.round): record.validation
            for record in manifest.history
            if record.validation is not None
        },
    }


def _short(tree: Any) -> Any:
    """Without the errors per horizon step, which no table shows."""
    if not isinstance(tree, dict):
        return tree
    left_out = ("per_horizon", "versions", "hardware")
    return {key: _short(value) for key, value in tree.items() if key not in left_out}


def write_result(path: Path, case: Case, result: dict[str, Any], command: str) -> None:
    """Write a result with all that belongs to it: command, settings, hardware, versions."""
    write_json(
        path,
        {
            **result,
            "command": command,
            "data": {key: value for key, value in asdict(case).items() if key != "name"},
            "budget": BUDGET,
            "versions": package_versions(),
            "hardware": hardware(),
        },
    )
