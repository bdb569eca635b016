"""Judge a distilled data set against what a user would do instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.dataset import EVALUATION, SyntheticDataset
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.windows import prepare
from stemdist_ray.environment import hardware, package_versions
from stemdist_ray.errors import ConfigError
from stemdist_ray.evaluation.compare import Comparison, Distilled, MethodResult
from stemdist_ray.evaluation.metrics import METRIC_NAMES
from stemdist_ray.files import write_json
from stemdist_ray.forecasters import check_forecaster
from stemdist_ray.memory import PeakMemory
from stemdist_ray.pipeline.inputs import Source, read_input
from stemdist_ray.pipeline.judge import driver_device
from stemdist_ray.pipeline.track import ended
from stemdist_ray.progress import Reporter, SilentReporter
from stemdist_ray.threads import torch_threads
from stemdist_ray.tracking.base import RunDescription
from stemdist_ray.tracking.mlflow import create_tracker

ROWS = ("distilled", "random_subset", "centroid", "node_sampled")


@dataclass(frozen=True)
class EvaluationResult:
    """The result table.

    Args:
        distilled: Trained on the distilled data.
        random_subset: Trained on an equal-size random real subset.
        centroid: Trained on the unlearned start.
        node_sampled: Trained on full data, node-sampled to the size of a distilled step.
        full_data: Trained on everything, or None.
        naive: Trivial forecasters by name.
        forecaster: Name of the evaluator.
        protocol: "fair" or "paper".
        seed: Seed of the evaluation.
        peak_rss_mib: Highest resident memory of the evaluation.
    """

    distilled: MethodResult
    random_subset: MethodResult
    centroid: MethodResult
    node_sampled: MethodResult
    full_data: MethodResult | None
    naive: dict[str, MethodResult]
    forecaster: str
    protocol: str
    seed: int
    peak_rss_mib: float

    def trained_rows(self) -> dict[str, MethodResult]:
        """The rows that were trained, by JSON name, the distilled one first."""
        rows = {
            "distilled": self.distilled,
            "random_subset": self.random_subset,
            "centroid": self.centroid,
            "node_sampled": self.node_sampled,
        }
        return rows if self.full_data is None else {**rows, "full_data": self.full_data}

    def to_json(self) -> dict[str, Any]:
        """The contract of ``stemdist evaluate --json``: the distilled row's keys at top level."""
        return {
            **self.distilled.to_json(),
            "naive": {name: row.to_json() for name, row in self.naive.items()},
            "random_subset": self.random_subset.to_json(),
            "centroid": self.centroid.to_json(),
            "node_sampled": self.node_sampled.to_json(),
            "full_data": None if self.full_data is None else self.full_data.to_json(),
            "forecaster": self.forecaster,
            "protocol": self.protocol,
            "seed": self.seed,
            "peak_rss_mib": self.peak_rss_mib,
            "versions": package_versions(),
            "hardware": hardware(),
        }


def evaluate(
    artifact: str | Path | SyntheticDataset,
    source: Source,
    config: DistillConfig | None = None,
    *,
    full_data: bool = False,
    reporter: Reporter | None = None,
) -> EvaluationResult:
    """Train forecasters on the distilled data and on the alternatives, and compare.

    Args:
        artifact: Folder written by ``distill``, or a loaded data set. For a folder the result is
            also written to ``evaluation.json`` inside and tracked.
        source: The real series it was distilled from (or a later edition of it).
        config: Only ``forecaster``, ``evaluation``, ``seed``, ``worker`` and ``tracking`` are
            used; the data settings are the artifact's. None = all of them the artifact's.
        full_data: Also train on all data until validation stops improving.
        reporter: Told of progress; silent when None.

    Raises:
        ArtifactError: The folder is not a complete artifact.
        DataError: The source cannot be read.
        ConfigError: The source is not the one the artifact was made from.
    """
    reporter = reporter or SilentReporter()
    with opened_comparison(artifact, source, config, reporter) as work, PeakMemory() as memory:
        rows = train_rows(work.comparison, ROWS, full_data, reporter)
        naive = work.comparison.naive_rows()
    result = EvaluationResult(
        distilled=rows["distilled"],
        random_subset=rows["random_subset"],
        centroid=rows["centroid"],
        node_sampled=rows["node_sampled"],
        full_data=rows.get("full_data"),
        naive=naive,
        forecaster=work.config.forecaster.name,
        protocol=work.config.evaluation.protocol,
        seed=work.config.seed,
        peak_rss_mib=memory.peak_mib,
    )
    if work.folder is not None:
        write_json(work.folder / EVALUATION, result.to_json())
        every = {**result.trained_rows(), **result.naive}
        track_evaluation(work, work.folder / EVALUATION, every, result.forecaster)
    return result


@dataclass(frozen=True)
class EvaluationWork:
    """What an evaluation works on.

    Args:
        folder: The artifact's, None for a loaded data set.
        dataset: The distilled data.
        config: Forecaster, budget, seed, tracking.
        comparison: Trains the rows.
    """

    folder: Path | None
    dataset: SyntheticDataset
    config: DistillConfig
    comparison: Comparison


@contextmanager
def opened_comparison(
    artifact: str | Path | SyntheticDataset,
    source: Source,
    config: DistillConfig | None,
    reporter: Reporter,
) -> Iterator[EvaluationWork]:
    """Read artifact and source and make ready to train; see :func:`evaluate`."""
    folder = None if isinstance(artifact, SyntheticDataset) else Path(artifact)
    dataset = (
        artifact if isinstance(artifact, SyntheticDataset) else SyntheticDataset.load(artifact)
    )
    config = config or dataset.config
    check_forecaster(config.forecaster)
    # Coordinates play no part here, and their file may be elsewhere by now.
    data_config = dataset.config.data.model_copy(update={"locations_file": None})
    job = read_input(source, data_config)
    check_fits(dataset, job.series.location_ids, job.description, reporter)
    with torch_threads(config.worker.coordinator_threads):
        comparison = Comparison(
            data=prepare(job.series, data_config),
            distilled=Distilled(
                dataset.x, dataset.y, Clustering(dataset.assignment, dataset.cluster_size, 0.0)
            ),
            config=config.evaluation,
            forecaster=config.forecaster,
            seed=config.seed,
            device=driver_device(config),
            reporter=reporter,
        )
        yield EvaluationWork(folder, dataset, config, comparison)


def check_fits(
    dataset: SyntheticDataset,
    location_ids: tuple[str, ...],
    description: dict[str, Any],
    reporter: Reporter,
) -> None:
    """Make sure that a series is what a data set was distilled from.

    Raises:
        ConfigError: It has other locations. Changed readings are allowed, and said.
    """
    if location_ids != dataset.location_ids:
        raise ConfigError(
            f"{description['source']} has {len(location_ids)} locations that are not those the "
            f"data set was distilled from ({len(dataset.location_ids)} of "
            f"{dataset.manifest['source']['source']}); evaluate with that source"
        )
    if description["hash"] != dataset.manifest["source"]["hash"]:
        reporter.say(
            f"note: the readings of {description['source']} have changed since distilling; "
            "test windows may have been train windows then"
        )


def train_rows(
    comparison: Comparison, names: Sequence[str], full_data: bool, reporter: Reporter
) -> dict[str, MethodResult]:
    """Train the rows called ``names`` (of :data:`ROWS`), and on all data if asked to."""
    methods = {
        "distilled": comparison.distilled_row,
        "random_subset": comparison.random_subset_row,
        "centroid": comparison.centroid_row,
        "node_sampled": comparison.node_sampled_row,
        "full_data": comparison.full_data_row,
    }
    wanted = [*names, *(["full_data"] if full_data else [])]
    reporter.begin("evaluating", len(wanted) * comparison.config.repeats)
    return {name: methods[name]() for name in wanted}


def track_evaluation(
    work: EvaluationWork, table: Path, rows: Mapping[str, MethodResult], forecaster: str
) -> None:
    """Log test metrics per row, and the table's file, to a run under the data set's own."""
    assert work.folder is not None
    config, manifest = work.config, work.dataset.manifest
    tracker = create_tracker(config.tracking, work.folder.absolute().parent)
    evaluation = config.evaluation.model_dump(mode="json")
    tracker.start(
        RunDescription(
            name=f"{work.folder.name} evaluation",
            params={"forecaster": forecaster, "seed": config.seed, **evaluation},
            tags={"stemdist.job": "evaluate", "stemdist.source": manifest["source"]["source"]},
            parent_run_id=manifest.get("tracking_run_id"),
        )
    )
    with ended(tracker):
        for row, method in rows.items():
            numbers = {f"{row}.{m}": method.test.values[m]["mean"] for m in METRIC_NAMES}
            tracker.log_metrics(numbers)
        tracker.log_artifact(table)
