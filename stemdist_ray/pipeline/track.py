"""How jobs use a tracker: describe the run, end it whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stemdist_ray.config import DistillConfig, flatten
from stemdist_ray.data.describe import SourceDescription
from stemdist_ray.system.environment import git_commit
from stemdist_ray.system.files import read_json, write_json
from stemdist_ray.tracking.base_class import RunDescription, Tracker

TRACKING = "tracking.json"


def describe_run(
    folder: Path, config: DistillConfig, about: SourceDescription, existing: str | None
) -> RunDescription:
    """Describe a distillation: flat parameters, input with digest, commit and source as tags."""
    return RunDescription(
        name=folder.name,
        params=flatten(config.model_dump(mode="json")),
        tags=job_tags("distill", about),
        dataset=dataset_of(about),
        existing_run_id=existing,
    )


def job_tags(job: str, about: SourceDescription) -> dict[str, str]:
    """What a run is, what it works on, and the commit where there is one."""
    tags = {"stemdist.job": job, "stemdist.source": about.source}
    commit = git_commit()
    return tags if commit is None else {**tags, "git.commit": commit}


def dataset_of(about: SourceDescription) -> dict[str, Any]:
    """The input of a job as trackers record it, from its description."""
    return {
        "name": about.name,
        "digest": about.hash,
        "source": about.source,
        "profile": {
            "steps": about.steps,
            "locations": about.locations,
            "features": list(about.features),
            "missing_share": about.missing_share,
        },
    }


def remember_run(folder: Path, tracker: Tracker) -> None:
    """Write down the tracking run of a folder, for resuming."""
    write_json(folder / TRACKING, {"run_id": tracker.reference})


def remembered_run(folder: Path) -> str | None:
    """Return what the tracking run of a folder is found by, None where none is known."""
    try:
        run_id = read_json(folder / TRACKING)["run_id"]
    except (OSError, ValueError, LookupError, TypeError):
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
