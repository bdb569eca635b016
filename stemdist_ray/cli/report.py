"""``stemdist report``: a page with pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run or a sweep.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="HTML file.  [default: DIR/report.html]")
    ] = None,
) -> None:
    """Write an HTML report of a run or a sweep in DIR, with pictures."""
    from stemdist_ray.cli.outputs import check_files
    from stemdist_ray.pipeline.report_job import report as write_report

    check_files(output=output)
    typer.echo(f"wrote {write_report(folder, output)}")
