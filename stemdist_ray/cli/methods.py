"""``stemdist methods``: what can make a small data set of a large one."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stemdist_ray.progress import output_console


def methods(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List the methods that distill --method takes."""
    from stemdist_ray.baselines.method import describe_methods
    from stemdist_ray.cli.tables import method_table

    tree = describe_methods()
    if as_json:
        typer.echo(json.dumps(tree, indent=2))
        return
    output_console().print(method_table(tree))
