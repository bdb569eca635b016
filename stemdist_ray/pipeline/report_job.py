"""Write the report of a run, and keep it with the run in MLflow."""

from __future__ import annotations

import logging
from pathlib import Path

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.sweep_files import is_sweep
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.pipeline.folders import owned
from stemdist_ray.pipeline.track import remembered_run
from stemdist_ray.system.dependencies import need
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.mlflow import run_tracker

logger = logging.getLogger(__name__)


def need_report_packages() -> None:
    """Make sure that reports can be written.

    Raises:
        DependencyError: The extra ``report`` is not installed.
    """
    need("a report", "report", "matplotlib", "jinja2")


def report(folder: Path, output: Path | None = None) -> Path:
    """Write the report of a run or of a sweep.

    Args:
        folder: Of the run or the sweep.
        output: HTML file; ``report.html`` in the folder when None.

    Raises:
        ArtifactError: The folder is neither, or not finished.
        DependencyError: The extra ``report`` is not installed.
    """
    need_report_packages()
    with owned(folder) as reason:
        if reason is not None and output is None and folder.is_dir():
            raise ArtifactError(
                f"{folder} cannot be written to ({reason}); give --output FILE elsewhere"
            )
        if not is_sweep(folder):
            return report_run(folder, output)
        from stemdist_ray.report.sweep import write_sweep_report

        return write_sweep_report(folder, output)


def report_run(folder: Path, output: Path | None = None) -> Path:
    """Write the report of an artifact; where its run was tracked, page and figures go there too.

    Args:
        folder: Artifact.
        output: HTML file; ``report.html`` in the folder when None.

    Raises:
        ArtifactError: The folder is not a complete artifact.
    """
    from stemdist_ray.report.html import write_report

    path, run_id = write_report(folder, output), remembered_run(folder)
    if run_id is not None:
        config = SyntheticDataset.load(folder).config.tracking
        try:
            tracker = run_tracker(config, folder)
        except ConfigError as error:
            logger.warning("the report is not kept in MLflow: %s", error)
            return path
        tracker.start(RunDescription(folder.name, existing_run_id=run_id))
        tracker.log_artifact(path)
        tracker.log_artifact(folder / "figures", "figures")
        tracker.finish("FINISHED")
    return path
