"""Write the report of a run, and keep it with the run in MLflow."""

from __future__ import annotations

from pathlib import Path

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.pipeline.track import remembered_run
from stemdist_ray.report.html import write_report
from stemdist_ray.tracking.base import RunDescription
from stemdist_ray.tracking.mlflow import create_tracker


def report_run(folder: Path, output: Path | None = None) -> Path:
    """Write the report of an artifact; where its run was tracked, page and figures go there too.

    Args:
        folder: Artifact.
        output: HTML file; ``report.html`` in the folder when None.

    Raises:
        ArtifactError: The folder is not a complete artifact.
    """
    path, run_id = write_report(folder, output), remembered_run(folder)
    if run_id is not None:
        config = SyntheticDataset.load(folder).config.tracking
        tracker = create_tracker(config, folder.absolute().parent)
        tracker.start(RunDescription(folder.name, existing_run_id=run_id))
        tracker.log_artifact(path)
        tracker.log_artifact(folder / "figures", "figures")
        tracker.finish("FINISHED")
    return path
