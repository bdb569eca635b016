"""What the scripts in ``jobs/`` and ``tuning/`` share: their options, and how they end."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from stemdist_ray.cli.exits import exit_codes, prepare_process
from stemdist_ray.cli.flags import with_file_keys
from stemdist_ray.config import merge_layers, read_assignments
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.progress import output_console

if TYPE_CHECKING:
    from stemdist_ray.cli.files import JobFile


@contextmanager
def job_process() -> Iterator[None]:
    """The body of a script: SIGTERM is a clean stop, errors are one line and an exit code."""
    prepare_process()
    with exit_codes(with_file_keys):
        yield


def parse_options(description: str) -> tuple[dict[str, Any], Console]:
    """Parse ``--config FILE [--out DIR] [--set NAME=VALUE]...`` and read the file.

    Returns:
        What the file holds, overridden by what the command line says.

    Raises:
        ConfigError: The file cannot be read, or an override is none.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the job")
    parser.add_argument("--out", type=Path, help="folder to use instead of the file's out")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one key of the file, e.g. config.rounds=5; may be repeated",
    )
    options = parser.parse_args()
    out = {} if options.out is None else {"out": options.out}
    tree = merge_layers(read_yaml(options.config), read_assignments(options.set), out)
    return tree, output_console()


def read_job_file(description: str) -> tuple[JobFile, Console]:
    """Read the job that ``--config FILE`` describes.

    Raises:
        ConfigError: The file cannot be read or holds unknown settings.
    """
    tree, console = parse_options(description)
    from stemdist_ray.cli.files import JobFile

    return JobFile.parse(tree), console
