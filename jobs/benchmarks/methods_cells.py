"""One cell of ``jobs/benchmark.py methods``: distil a data set by one method, then judge it.

A cell is a task that any worker runs from beginning to end; its answer is a JSON file, so that a
benchmark which was interrupted goes on with the cells that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jobs.benchmarks.methods_config import (
    RANDOM,
    DataEntry,
    MethodEntry,
    MethodsConfig,
    cell_config,
    evaluator,
)
from jobs.benchmarks.methods_coverage import coverage
from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.baselines.rows import trained_rows
from stemdist_ray.comparison.compare import Cell as Place
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.comparison.table import DISTILLED, TRACKS
from stemdist_ray.config import DataConfig, DistillConfig, ForecasterConfig
from stemdist_ray.data.prepared import PreparedSource, prepare_source
from stemdist_ray.data.source import is_simulated
from stemdist_ray.errors import ConfigError, StemdistError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.pipeline import distill
from stemdist_ray.pipeline.evaluate_job import opened_comparison
from stemdist_ray.progress import SilentReporter
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.seal import read_sealed, write_sealed

VERSION = 2  # of what a cell's file holds


@dataclass(frozen=True)
class CellTask:
    """One cell.

    Args:
        name: "data/method/budget/seed", for messages and files.
        data: What is distilled.
        source: Where that is, for any worker.
        method: By which method.
        budget: Synthetic entries / real ones.
        config: How it is distilled and judged, in one process.
        evaluator: Which forecaster judges.
        rows: Names of the rows without distilling that are trained here, too.
    """

    name: str
    data: DataEntry
    source: str
    method: MethodEntry
    budget: float
    config: DistillConfig
    evaluator: ForecasterConfig
    rows: tuple[str, ...]

    @property
    def key(self) -> str:
        """Changes with everything that decides the answer."""
        told = f"{VERSION} {self.data.source} {self.config.model_dump_json()} "
        told += f"{self.evaluator.model_dump_json()} {self.rows}"
        return sha256(told.encode()).hexdigest()


def cell_tasks(config: MethodsConfig, folder: Path | None = None) -> list[CellTask]:
    """All cells of a benchmark; rows without distilling go with those of method ``random``.

    Args:
        config: The benchmark.
        folder: Where relative sources count from; None = where the command runs.
    """
    return [
        CellTask(
            name=f"{data.name}/{method.name}/{budget:g}/{seed}",
            data=data,
            source=_located(data.source, folder),
            method=method,
            budget=budget,
            config=cell_config(config, data, method, budget, seed),
            evaluator=evaluator(config, data),
            rows=config.reference_rows() if method.name == RANDOM else (),
        )
        for data in config.data
        for budget in config.budgets
        for seed in config.seeds
        for method in config.every_method()
    ]


def _located(source: str, folder: Path | None) -> str:
    """A path for workers, who may stand in another folder."""
    return source if is_simulated(source) else str(((folder or Path()) / source).absolute())


def run_cell(_: object, task: CellTask) -> dict[str, Any]:
    """Distil and judge; a method that does not fit, or diverges, is an answer like any other."""
    source = _source(task.source, task.config.data.model_dump_json())
    about = {
        "name": task.name,
        "source_hash": source.description.hash,
        "data": task.data.name,
        "method": task.method.name,
        "kind": task.method.kind,
        "budget": task.budget,
        "seed": task.config.seed,
    }
    try:
        with TemporaryDirectory() as scratch:
            path = distill(source, Path(scratch) / "run", task.config).path
            dataset = SyntheticDataset.load(path)
    except StemdistError as error:
        return {**about, "failed": dict.fromkeys(TRACKS, str(error))}
    judged = _judged(dataset, source, task)
    size = dataset.manifest.size
    return {
        **about,
        "windows": size.windows,
        "locations": size.locations,
        "bytes": dataset.num_bytes,
        "base_bytes": size.base_bytes,
        "taught": dataset.teacher is not None,
        "distill_seconds": dataset.manifest.distill_seconds(),
        "seconds": {name: one.seconds for name, one in dataset.manifest.stages.items()},
        "validation": dataset.manifest.result.best_validation,
        "coverage": coverage(dataset, source, task.config.seed),
        **judged,
    }


def check_source(task: CellTask, known: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to go on with cells that were computed of other readings.

    Args:
        task: Any cell of the data set.
        known: Answers of cells of the same data set.

    Raises:
        ConfigError: SOURCE holds other readings than when they were computed.
        DataError: It cannot be read.
    """
    if not known:
        return
    now = _source(task.source, task.config.data.model_dump_json()).description.hash
    others = [cell["name"] for cell in known if cell["source_hash"] != now]
    if others:
        raise ConfigError(
            f"{len(others)} known cells of {task.data.name} (the first is {others[0]}) are of "
            f"other readings than {task.source} holds now; give another folder with --out, or "
            "remove them to compute them again"
        )


@lru_cache(maxsize=1)
def _source(source: str, settings: str) -> PreparedSource:
    """A process reads a data set once for all cells that follow each other."""
    return prepare_source(source, DataConfig.model_validate_json(settings))


def _judged(dataset: SyntheticDataset, source: PreparedSource, task: CellTask) -> dict[str, Any]:
    """What trainings gave by track and row, and why some gave nothing; rows in closed form."""
    wanted = [row for row in trained_rows() if row.name in (DISTILLED, *task.rows)]
    executor = SerialExecutor(None)
    with opened_comparison(dataset, source, task.config, SilentReporter(), executor) as work:
        places = [Place(task.evaluator, track, row) for track in work.tracks for row in wanted]
        found, naive = work.comparison.run(places)
    tracks: dict[str, Any] = {}
    failed: dict[str, str] = {}
    failed_rows: dict[str, dict[str, str]] = {}
    for (_, track, row), outcome in found.items():
        if isinstance(outcome, RowResult):
            tracks.setdefault(track, {})[row] = _row(outcome)
        elif row == DISTILLED:
            failed[track] = str(outcome)
        else:
            failed_rows.setdefault(track, {})[row] = str(outcome)
    return {
        "tracks": tracks,
        "failed": failed,
        "failed_rows": failed_rows,
        "naive": {name: _row(row) for name, row in naive.items()} if task.rows else {},
    }


def _row(row: RowResult) -> dict[str, Any]:
    tree = row.to_json()
    kept = ("errors", "train_seconds", "optimizer_steps", "learning_rate", "peak_rss_mib", "mae")
    return {name: tree[name] for name in kept}


class CellStore:
    """The answers of a benchmark that are known already, a sealed file each.

    Args:
        folder: Of the benchmark.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cells"

    def path(self, task: CellTask) -> Path:
        """Where the answer of a cell is kept."""
        return self.folder / f"{task.name.replace('/', '__')}.json"

    def load(self, task: CellTask) -> dict[str, Any] | None:
        """The answer of a cell; None where it is not known.

        Raises:
            ConfigError: It is one of other settings.
            ArtifactError: The file is damaged.
        """
        path = self.path(task)
        if not path.exists():
            return None
        tree = read_sealed(path, "remove it to compute the cell again")
        if tree.get("key") != task.key:
            raise ConfigError(
                f"{path} was computed with other settings than those of {task.name} now; give "
                "another folder with --out, or remove it to compute the cell again"
            )
        answer: dict[str, Any] = tree["cell"]
        return answer

    def save(self, task: CellTask, answer: dict[str, Any]) -> None:
        """Keep an answer, with what it was computed with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"hardware": hardware(), "versions": package_versions()}
        config = task.config.model_dump(mode="json")
        asked = {"data": task.data.model_dump(), "method": task.method.model_dump()}
        tree = {"key": task.key, "asked": asked, "config": config, **about}
        write_sealed(self.path(task), {**tree, "cell": answer})
