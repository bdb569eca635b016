"""``stemdist sync``: deliver to MLflow what waits in the folders of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stemdist_ray.cli.outputs import say
from stemdist_ray.progress import output_console


def sync(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A run, or a folder with runs in it.")
    ],
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            "--tracking-uri",
            help="MLflow store to deliver to.  [default: the one each run was to be written to]",
        ),
    ] = None,
) -> None:
    """Deliver to MLflow what runs in DIR could not deliver themselves."""
    from stemdist_ray.tracking.sync import sync as deliver

    console = output_console()
    done = deliver(folder, tracking_uri, lambda text: say(console, text))
    for reason in done.refused:
        say(console, f"MLflow does not take a record: {reason}")
    if done.alive:
        say(console, f"{done.alive} runs are still going on and deliver their records themselves")
    if done.records:
        say(console, f"delivered {done.records} records of {done.runs} runs")
    elif not done.alive:
        say(console, f"nothing waits in {folder}")
