"""The files that benchmarks write: figures, with their command, hardware and versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import write_json


def write_figures(
    path: Path | None, command: str, figures: Mapping[str, Any], console: Console
) -> None:
    """Write figures where that is asked for, and say so.

    Args:
        path: The JSON file, None = nowhere.
        command: The command line, for the record.
        figures: What was measured, as plain data.
        console: Where it is said.
    """
    if path is None:
        return
    about = {"command": command, "hardware": hardware(), "versions": package_versions()}
    write_json(path, {**about, **figures})
    console.print(f"wrote {path}")
