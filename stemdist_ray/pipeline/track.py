"""How jobs use a tracker: describe the run, end it whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemdist_ray.config import DistillConfig, flatten
from stemdist_ray.environment import git_commit
from stemdist_ray.files import write_json
from stemdist_ray.pipeline.inputs import JobInput
from stemdist_ray.tracking.base import RunDescription, Tracker

_FILE = "tracking.json"


def describe_run(
    folder: Path, config: DistillConfig, job: JobInput, existing: str | None
) -> RunDescription:
    """Describe a distillation: flat parameters, input with digest, commit and source as tags."""
    tags = {"stemdist.job": "distill", "stemdist.source": job.description["source"]}
    commit = git_commit()
    if commit is not None:
        tags["git.commit"] = commit
    return RunDescription(
        name=folder.name,
        params=flatten(config.model_dump(mode="json")),
        tags=tags,
        dataset=dataset_of(job.description),
        existing_run_id=existing,
    )


def dataset_of(about: dict[str, Any]) -> dict[str, Any]:
    """The input of a job as trackers record it, from its description."""
    return {
        "name": about["name"],
        "digest": about["hash"],
        "source": about["source"],
        "profile": {k: about[k] for k in ("steps", "locations", "features", "missing_share")},
    }


def remember_run(folder: Path, tracker: Tracker) -> None:
    """Write down the tracking run of a folder, for resuming."""
    write_json(folder / _FILE, {"run_id": tracker.run_id})


def remembered_run(folder: Path) -> str | None:
    """Return the tracking run of a folder, None where none is known."""
    try:
        run_id = json.loads((folder / _FILE).read_text(encoding="utf-8"))["run_id"]
    except (OSError, ValueError, KeyError):
        return None
    return str(run_id) if run_id else None


@contextmanager
def ended(tracker: Tracker) -> Iterator[None]:
    """End the run as FINISHED, FAILED (an error) or KILLED (an interruption)."""
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        tracker.finish(status)
