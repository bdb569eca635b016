"""From a finished run, or its checkpoint, to the artifact on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemdist_ray.artifact.checkpoint import Checkpoint, CheckpointStore
from stemdist_ray.artifact.dataset import EXAMPLES, SyntheticDataset
from stemdist_ray.artifact.manifest import SCHEMA_VERSION, build_manifest
from stemdist_ray.baselines import METHODS
from stemdist_ray.baselines.method import MethodTask, run_begun
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.distillation.start import Start, StartTask, run_start
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.execution.devices import worker_device
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase
from stemdist_ray.system.files import replacing_file


def write_artifact(
    folder: Path,
    source: PreparedSource,
    checkpoint: Checkpoint,
    begun: Start,
    mean_window: npt.NDArray[np.float32],
    peak_rss_mib: float,
    tracking_run_id: str | None,
) -> SyntheticDataset:
    """Write the data set of a run's best round, with manifest, card and examples.

    Args:
        folder: Output folder.
        source: What was distilled.
        checkpoint: The run after its last round.
        begun: What it began with.
        mean_window: (N, L, F + C) mean train windows of the real locations.
        peak_rss_mib: Peak memory of the driver.
        tracking_run_id: Tracking run, None where nothing was tracked.

    Returns:
        What was written.
    """
    clustering = checkpoint.clustering
    kept = checkpoint.state.kept().synthetic
    dataset = SyntheticDataset(
        x=kept.x,
        y=kept.y,
        cluster_size=clustering.cluster_size,
        assignment=clustering.assignment,
        location_ids=source.location_ids,
        coordinates=source.coordinates,
        mean_window=mean_window,
        scaler=source.scaler,
        manifest=build_manifest(checkpoint, source, begun.known, peak_rss_mib, tracking_run_id),
        known=begun.known,
        fitted_base=checkpoint.fitted_base,
        teacher=checkpoint.teacher,
        medoids=clustering.medoids,
        weights=clustering.weights,
    )
    dataset.save(folder, lambda aside: save_examples(aside / EXAMPLES, begun.state, kept))
    return dataset


def finished_artifact(folder: Path, checkpoint: Checkpoint) -> SyntheticDataset | None:
    """The data set in a folder, where it is that of a checkpoint's last round; None elsewhere.

    A run that is asked for what it has done already leaves its results as they are, and what was
    said of them. Where they are damaged they are written anew.
    """
    try:
        dataset = SyntheticDataset.load(folder)
    except (ArtifactError, OSError):
        return None
    known = dataset.manifest
    same = known.history == checkpoint.state.history and known.config == checkpoint.config
    return dataset if same and known.schema_version == SCHEMA_VERSION else None


def write_artifact_of_checkpoint(folder: Path, source: PreparedSource) -> SyntheticDataset:
    """Write the data set of a run that was stopped, as of the last round in its checkpoint.

    Nothing is computed that the run has not computed; it may still be gone on with.

    Args:
        folder: Of the run.
        source: What it distilled.

    Raises:
        ArtifactError: There is no checkpoint, or it is damaged.
        ConfigError: The checkpoint was made from other readings.
    """
    checkpoint = CheckpointStore(folder).load()
    if checkpoint.source.hash != source.description.hash:
        raise ConfigError(
            f"{folder}: its checkpoint was made from other readings than those of "
            f"{source.description.source}; give the source that it was begun with"
        )
    peak = max((stage.peak_rss_mib for stage in checkpoint.stages.values()), default=0.0)
    real = real_data(with_fitted_base(source, checkpoint.fitted_base), checkpoint.config)
    config = checkpoint.config
    if METHODS.get(config.method).make is None:
        begun = run_start(real, StartTask("start", config, checkpoint.clustering))
    else:
        begun, _ = run_begun(real, MethodTask("method", config, worker_device(config)))
    begun.clustered.windows.discard()
    return write_artifact(folder, source, checkpoint, begun, real.mean_window, peak, None)


def with_fitted_base(source: PreparedSource, fitted: FittedBase | None) -> PreparedSource:
    """The source with the forecasts of a base, or as it is where there is none."""
    return source.with_base(None if fitted is None else fitted.bind(source))


def save_examples(path: Path, start: SyntheticState, best: SyntheticState, count: int = 6) -> None:
    """Keep a few real windows beside what they became, for the report.

    Writes ``clusters`` (C,), ``real_x`` and ``learned_x`` (C, L, F) and ``real_y`` and
    ``learned_y`` (C, H), one window of each of C clusters, scaled.
    """
    clusters = evenly_spaced(start.num_locations, count)
    windows = evenly_spaced(start.num_windows, len(clusters))
    windows = np.resize(windows, len(clusters))
    with replacing_file(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            clusters=clusters,
            windows=windows,
            real_x=start.x[windows, :, clusters],
            real_y=start.y[windows, :, clusters],
            learned_x=best.x[windows, :, clusters],
            learned_y=best.y[windows, :, clusters],
        )
