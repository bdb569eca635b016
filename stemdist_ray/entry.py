"""What the scripts in ``jobs/`` share: the one option they take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from stemdist_ray.progress import output_console
from stemdist_ray.yaml_files import read_yaml

if TYPE_CHECKING:
    from stemdist_ray.jobs import JobFile


def read_job_file(description: str) -> tuple[JobFile, Console]:
    """Parse ``--config FILE`` and read the job it describes.

    Raises:
        ConfigError: The file cannot be read or holds unknown settings.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the job")
    path = parser.parse_args().config
    from stemdist_ray.jobs import JobFile

    return JobFile.parse(read_yaml(path)), output_console()
