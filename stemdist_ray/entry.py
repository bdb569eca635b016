"""What the scripts in ``jobs/`` share: the one option they take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stemdist_ray.progress import output_console
from stemdist_ray.yaml_files import read_yaml

if TYPE_CHECKING:
    from stemdist_ray.jobs import JobFile


def parse_config_option(description: str) -> tuple[dict[str, Any], Console]:
    """Parse ``--config FILE`` and read the file.

    Raises:
        ConfigError: The file cannot be read.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the job")
    return read_yaml(parser.parse_args().config), output_console()


def read_job_file(description: str) -> tuple[JobFile, Console]:
    """Read the job that ``--config FILE`` describes.

    Raises:
        ConfigError: The file cannot be read or holds unknown settings.
    """
    tree, console = parse_config_option(description)
    from stemdist_ray.jobs import JobFile

    return JobFile.parse(tree), console
