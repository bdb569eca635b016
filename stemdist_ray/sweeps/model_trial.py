"""One trial of a search for models: a training on the distilled data, reporting to Ray Tune."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ray import tune

from stemdist_ray.comparison.ranking.cells import DISTILLED, Cell, CellTask, row_of, run_cell
from stemdist_ray.comparison.ranking.configurations import Configuration
from stemdist_ray.comparison.train_row import ComparisonData
from stemdist_ray.config import build_config
from stemdist_ray.errors import StemdistError
from stemdist_ray.execution.session import register_all
from stemdist_ray.forecasters import Forecaster
from stemdist_ray.seeding import derive_seed
from stemdist_ray.sweeps.model_space import ModelSpace
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.trial import TRIAL


@dataclass(frozen=True)
class SharedModels:
    """What all trials share; lies in the object store once.

    Args:
        folder: Of the sweep.
        data: The distilled data, and the windows that validate.
        space: Turns points into settings.
        track: "network_alone" or "with_base".
        forecasters: Forecasters that the user registered in the driver, by name.
    """

    folder: Path
    data: ComparisonData
    space: ModelSpace
    track: str
    forecasters: dict[str, type[Forecaster]]


def run_model_trial(config: dict[str, Any], shared: SharedModels) -> None:
    """What Ray Tune runs as a trial."""
    told = config[TRIAL]
    train_point(told["point"], told["id"], shared, lambda metrics: tune.report(metrics))


def train_point(
    point: dict[str, Any],
    identifier: str,
    shared: SharedModels,
    report: Callable[[dict[str, float]], None],
) -> None:
    """Train one point on the distilled data, once per repeat.

    Args:
        point: Settings by name.
        identifier: Of the trial.
        shared: What all trials share.
        report: Is given the metrics, once.

    Raises:
        StemdistError: It diverged; the reason is also written down, so that a second attempt ends
            at once.
    """
    register_all(shared.forecasters)
    store = SweepStore(shared.folder)
    store.refuse_failed(identifier)
    cells = [run_cell(*_task(point, shared, repeat)) for repeat in range(_repeats(point, shared))]
    lost = [cell.failed for cell in cells if cell.failed is not None]
    if lost:
        store.keep_failure(identifier, lost[0])
        raise StemdistError(lost[0])
    report(_metrics(cells, shared))


def _repeats(point: dict[str, Any], shared: SharedModels) -> int:
    return build_config("standard", shared.space.settings(point)).evaluation.repeats


def _task(
    point: dict[str, Any], shared: SharedModels, repeat: int
) -> tuple[ComparisonData, CellTask]:
    config = build_config("standard", shared.space.settings(point))
    # What a trial is called differs between two runs of a sweep, its point does not.
    seed = derive_seed(config.seed, "models", json.dumps(point, sort_keys=True), repeat)
    task = CellTask(
        name="a trial",
        trained_on=DISTILLED,
        row=row_of(DISTILLED),
        configuration=Configuration("trial", config.forecaster, config.evaluation.learning_rate),
        track=shared.track,
        repeat=repeat,
        draw_seed=0,
        seed=seed,
        threads=config.worker.threads,
    )
    material = replace(shared.data.material, config=config.evaluation)
    return replace(shared.data, material=material), task


def _metrics(cells: list[Cell], shared: SharedModels) -> dict[str, float]:
    material = shared.data.material
    return {
        "round": 0,
        "error": sum(cell.validation for cell in cells) / len(cells),
        "bytes": material.x.nbytes + material.y.nbytes,
        "train_seconds": min(cell.fit_seconds for cell in cells),
        "windows": len(material.x),
        "locations": material.x.shape[2],
        "seconds": sum(cell.seconds for cell in cells),
        "worker_peak_mib": max(cell.peak_rss_mib for cell in cells),
    }
