"""Judge a distilled data set against what a user would do instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.dataset import EVALUATION, SyntheticDataset
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.series import SpatioTemporalSeries
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
    folder = None if isinstance(artifact, SyntheticDataset) else Path(artifact)
    dataset = (
        artifact if isinstance(artifact, SyntheticDataset) else SyntheticDataset.load(artifact)
    )
    config = config or dataset.config
    check_forecaster(config.forecaster)
    # Coordinates play no part here, and their file may be elsewhere by now.
    data_config = dataset.config.data.model_copy(update={"locations_file": None})
    job = read_input(source, data_config)
    _check_fits(dataset, job.series, job.description, reporter)
    with torch_threads(config.worker.coordinator_threads), PeakMemory() as memory:
        clustering = Clustering(dataset.assignment, dataset.cluster_size, 0.0)
        comparison = Comparison(
            data=prepare(job.series, data_config),
            distilled=Distilled(dataset.x, dataset.y, clustering),
            config=config.evaluation,
            forecaster=config.forecaster,
            seed=config.seed,
            device=driver_device(config),
            reporter=reporter,
        )
        rows = _train_rows(comparison, full_data, config.evaluation.repeats, reporter)
        naive = comparison.naive_rows()
    result = EvaluationResult(
        distilled=rows["distilled"],
        random_subset=rows["random_subset"],
        centroid=rows["centroid"],
        node_sampled=rows["node_sampled"],
        full_data=rows.get("full_data"),
        naive=naive,
        forecaster=config.forecaster.name,
        seed=config.seed,
        peak_rss_mib=memory.peak_mib,
    )
    if folder is not None:
        write_json(folder / EVALUATION, result.to_json())
        _track(folder, dataset, config, result)
    return result


def _check_fits(
    dataset: SyntheticDataset,
    series: SpatioTemporalSeries,
    description: dict[str, Any],
    reporter: Reporter,
) -> None:
    if series.location_ids != dataset.location_ids:
        raise ConfigError(
            f"{description['source']} has {series.num_locations} locations that are not those the "
            f"data set was distilled from ({len(dataset.location_ids)} of "
            f"{dataset.manifest['source']['source']}); evaluate with that source"
        )
    if description["hash"] != dataset.manifest["source"]["hash"]:
        reporter.say(
            f"note: the readings of {description['source']} have changed since distilling; "
            "test windows may have been train windows then"
        )


def _train_rows(
    comparison: Comparison, full_data: bool, repeats: int, reporter: Reporter
) -> dict[str, MethodResult]:
    steps = {
        "distilled": comparison.distilled_row,
        "random_subset": comparison.random_subset_row,
        "centroid": comparison.centroid_row,
        "node_sampled": comparison.node_sampled_row,
    }
    if full_data:
        steps["full_data"] = comparison.full_data_row
    reporter.begin("evaluating", len(steps) * repeats)
    return {name: step() for name, step in steps.items()}


def _track(
    folder: Path, dataset: SyntheticDataset, config: DistillConfig, result: EvaluationResult
) -> None:
    tracker = create_tracker(config.tracking, folder.absolute().parent)
    evaluation = config.evaluation.model_dump(mode="json")
    tracker.start(
        RunDescription(
            name=f"{folder.name} evaluation",
            params={"forecaster": result.forecaster, "seed": result.seed, **evaluation},
            tags={
                "stemdist.job": "evaluate",
                "stemdist.source": dataset.manifest["source"]["source"],
            },
            parent_run_id=dataset.manifest.get("tracking_run_id"),
        )
    )
    with ended(tracker):
        for row, method in {**result.trained_rows(), **result.naive}.items():
            numbers = {f"{row}.{m}": method.test.values[m]["mean"] for m in METRIC_NAMES}
            tracker.log_metrics(numbers)
        tracker.log_artifact(folder / EVALUATION)
