"""``stemdist forecasters``: the forecasters that can be trained."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stemdist_ray.progress import output_console


def forecasters(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List the forecasters that --forecaster takes."""
    from stemdist_ray.cli.tables import forecaster_table
    from stemdist_ray.forecasters import describe_forecasters

    tree = describe_forecasters()
    if as_json:
        typer.echo(json.dumps(tree, indent=2))
        return
    output_console().print(forecaster_table(tree))
