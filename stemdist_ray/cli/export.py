"""``stemdist export``: a data set in the format of another library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stemdist_ray.cli.options import OverwriteOption


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder written by distill.")],
    to: Annotated[str, typer.Option("--to", help="npz, basicts or neuralforecast.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File or folder to write.  [default: beside DIR]"),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write the distilled data of DIR for another library."""
    from stemdist_ray.artifact.export import export as write_export
    from stemdist_ray.cli.outputs import check_outputs, check_stays

    check_outputs(out=out)
    check_stays(folder=folder)
    typer.echo(f"wrote {write_export(folder, to, out, overwrite=overwrite)}")
