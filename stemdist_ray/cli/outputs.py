"""Where results go: not into a folder that goes with the job that writes them."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from stemdist_ray.errors import ConfigError
from stemdist_ray.system.outputs import check_local, check_writable

# How Ray calls its copies of a job's working directory, which it deletes with the job.
_COPY_OF_RAY = "_ray_pkg_"


def in_copy_of_ray() -> bool:
    """Whether this process runs in Ray's copy of the working directory of a submitted job."""
    return any(part.startswith(_COPY_OF_RAY) for part in Path.cwd().resolve().parts)


def check_outputs(**paths: Path | None) -> None:
    """Refuse addresses, and relative outputs in a submitted job, whose folder goes with it.

    Args:
        **paths: Outputs by the name of the setting; None = not asked for.

    Raises:
        ConfigError: One is an address such as ``s3://...``, or would be lost with the job.
    """
    for name, path in paths.items():
        if path is not None:
            check_local(path, name)
        if path is not None and not path.is_absolute() and in_copy_of_ray():
            raise ConfigError(
                f"{name} is {path}, a relative path, and a submitted job runs in a copy of its "
                f"working directory that Ray deletes ({Path.cwd()}): the result would be lost. "
                "Give an absolute path on storage that stays and that all machines see, e.g. "
                f"/shared/{path}"
            )


def check_files(**paths: Path | None) -> None:
    """Make sure, before anything is computed, that files can be written where they are wanted.

    Args:
        **paths: Files by the name of the setting; None = not asked for.

    Raises:
        ConfigError: A folder is in its place, or a file where its folder would be.
        ArtifactError: Its folder cannot be written to.
    """
    for name, path in paths.items():
        if path is None:
            continue
        if path.is_dir():
            raise ConfigError(f"{name} is {path}, a folder; give the name of a file")
        there = next(parent for parent in path.absolute().parents if parent.exists())
        if not there.is_dir():
            raise ConfigError(
                f"{name} is {path}, but {there} is a file; give a file in a folder, new or existing"
            )
        check_local(path, name)
        check_writable(path.parent, name)


def check_stays(**paths: Path | None) -> None:
    """Refuse relative results of earlier jobs in a submitted one: they are not in Ray's copy.

    Args:
        **paths: Inputs that earlier jobs wrote, by the name of the setting; None = not given.

    Raises:
        ConfigError: One is not there.
    """
    for name, path in paths.items():
        if path is None or path.is_absolute() or path.exists() or not in_copy_of_ray():
            continue
        raise ConfigError(
            f"{name} is {path}, a relative path, which Ray's copy of the working directory does "
            "not hold (it leaves out what .gitignore names); give an absolute path on storage "
            "that all machines see"
        )


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no cutting."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
