"""What training a forecaster takes of memory: on distilled data, and on all data.

Peaks of a process that has trained many models say little: libraries, and what the allocator keeps
of earlier models, are most of them. So every training here is that of a process of its own, and
what a process takes that has loaded the same libraries and taken the smallest step is subtracted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.timing import peak_in_fresh_process
from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.config import EvaluationConfig, ForecasterConfig
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.progress import console_reporter, output_console
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.training.fit import fit
from stemdist_ray.training.steps import FixedWindows, FullData, TrainingData, TrainingStep

STEPS = 4
"""Of each training: the second has all that later ones have, gradients and Adam's moments."""

RESOLUTION_MIB = 1.0
"""Peaks of equal processes differ by as much; a training that takes less is counted as this."""


@dataclass(frozen=True)
class TrainMemory:
    """What one forecaster takes.

    Args:
        forecaster: Its name.
        distilled_mib: Training on the distilled data, beyond a process that has loaded all.
        full_mib: Training on all data, the series included, likewise.
    """

    forecaster: str
    distilled_mib: float
    full_mib: float

    @property
    def ratio(self) -> float:
        """Full / distilled; what is below what can be measured counts as that."""
        return max(self.full_mib, RESOLUTION_MIB) / max(self.distilled_mib, RESOLUTION_MIB)


class _Few:
    """The first steps of an epoch."""

    def __init__(self, data: TrainingData) -> None:
        self.data = data

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield them."""
        yield from islice(self.data.epoch(rng), STEPS)


def _not_asked(_: object) -> Metrics:
    """Real validation windows are the same for both, so neither has any here."""
    return Metrics(1.0, 1.0, 1.0, 1.0, 1.0, {})


def _train(data: TrainingData, shape: WindowShape, forecaster: str) -> None:
    with torch_threads(1):
        fit(
            _Few(data),
            _not_asked,
            forecaster=ForecasterConfig(name=forecaster),
            shape=shape,
            budget=EvaluationConfig(epochs=1),
            seed=0,
        )


def train_distilled(folder: str, forecaster: str) -> None:
    """Load a distilled data set and train on it: networks alone, K = 4 subsets."""
    dataset = SyntheticDataset.load(Path(folder))
    x = dataset.inputs()
    shape = _shape(x, dataset.y.shape[1], dataset.manifest.target.position)
    subsets = EvaluationConfig().subsets
    _train(FixedWindows(x, dataset.y, dataset.clustering.loss_weights, subsets), shape, forecaster)


def train_full(folder: str, source: str, forecaster: str) -> None:
    """Read the series and train on all of it: networks alone, 16 windows of all locations."""
    config = SyntheticDataset.load(Path(folder)).config
    prepared = prepare_source(source, config.data)
    windows, starts = replace(prepared.windows, base=None), prepared.starts["train"]
    batch = EvaluationConfig().full_data_batch
    data = FullData(windows, starts, windows.mean_window(starts), batch)
    _train(data, WindowShape.of(windows), forecaster)


def train_nothing(folder: str, forecaster: str) -> None:
    """The smallest training: all libraries, one window, two locations."""
    dataset = SyntheticDataset.load(Path(folder))
    x, y = dataset.inputs()[:1, :, :2], dataset.y[:1, :, :2]
    shape = _shape(x, y.shape[1], dataset.manifest.target.position)
    _train(FixedWindows(x, y, np.ones(x.shape[2]), 1), shape, forecaster)


def _shape(x: np.ndarray[Any, Any], horizon: int, target: int) -> WindowShape:
    return WindowShape(x.shape[1], horizon, x.shape[3], target=target)


def measure(folder: Path, source: str, forecaster: str) -> TrainMemory:
    """Train in three processes, one after the other."""
    least = peak_in_fresh_process(train_nothing, str(folder), forecaster)
    small = peak_in_fresh_process(train_distilled, str(folder), forecaster)
    whole = peak_in_fresh_process(train_full, str(folder), source, forecaster)
    # A page is the least that can be told apart.
    return TrainMemory(forecaster, *(max(peak - least, 0.004) for peak in (small, whole)))


def run_memory_command(
    folder: Path,
    source: str,
    forecasters: Sequence[str] | None,
    json_file: Path | None,
    command: str,
) -> None:
    """Measure, print and write.

    Args:
        folder: Of a distilled data set.
        source: What it was distilled from.
        forecasters: Names; None = all.
        json_file: Where figures go; None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: A forecaster is not known.
        ArtifactError: The folder holds no data set.
        DataError: The source cannot be read.
    """
    names = list(forecasters or FORECASTERS.names())
    for name in names:
        FORECASTERS.get(name)
    dataset, console = SyntheticDataset.load(folder), output_console()
    prepared = prepare_source(source, dataset.config.data)
    found = []
    with console_reporter(console) as reporter:
        reporter.begin("forecasters", len(names))
        for name in names:
            found.append(measure(folder, source, name))
            reporter.advance()
            reporter.say(f"{name}: {found[-1].distilled_mib:.1f} MiB, {found[-1].full_mib:.1f} MiB")
    windows, locations = dataset.x.shape[0], dataset.x.shape[2]
    console.print(_table(found, f"{windows} windows x {locations} locations"))
    figures = {
        "data": Path(source).stem,
        "distilled": {"windows": windows, "locations": locations},
        "series": {"steps": prepared.num_steps, "locations": prepared.windows.num_locations},
        "forecasters": [{**asdict(one), "ratio": one.ratio} for one in found],
    }
    write_figures(json_file, command, figures, console)


def _table(found: Sequence[TrainMemory], size: str) -> Table:
    table = Table(title=f"memory of training, {size} against all data", title_justify="left")
    table.add_column("forecaster")
    for name in ("distilled, MiB", "all data, MiB", "times"):
        table.add_column(name, justify="right")
    for one in found:
        numbers = (f"{one.distilled_mib:.1f}", f"{one.full_mib:.1f}", f"{one.ratio:.1f}")
        table.add_row(one.forecaster, *numbers)
    return table
