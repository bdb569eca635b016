"""Where results go: not into a folder that goes with the job that writes them."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from stemdist_ray.errors import ConfigError

# How Ray calls its copies of a job's working directory, which it deletes with the job.
_COPY_OF_RAY = "_ray_pkg_"


def check_outputs(**paths: Path | None) -> None:
    """Refuse relative outputs in a submitted job, whose working directory is a copy of Ray's.

    Args:
        **paths: Outputs by the name of the setting; None = not asked for.

    Raises:
        ConfigError: One would be lost with the job.
    """
    here = Path.cwd().resolve()
    if not any(part.startswith(_COPY_OF_RAY) for part in here.parts):
        return
    for name, path in paths.items():
        if path is not None and not path.is_absolute():
            raise ConfigError(
                f"{name} is {path}, a relative path, and a submitted job runs in a copy of its "
                f"working directory that Ray deletes ({here}): the result would be lost. Give an "
                "absolute path on storage that stays and that all machines see, e.g. "
                f"/shared/{path}"
            )


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no cutting."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
