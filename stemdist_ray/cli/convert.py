"""``stemdist convert``: from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.cli.options import SourceArgument
from stemdist_ray.cli.source_options import reads_source
from stemdist_ray.config import build_config


@reads_source("season")
def convert(
    source: SourceArgument,
    dest: Annotated[
        Path, typer.Argument(metavar="DEST", help="File to write; its ending chooses the format.")
    ],
    *,
    data: dict[str, Any],
) -> None:
    """Read SOURCE and write it to DEST (.csv .parquet .npz .h5 .nc .zarr .arrow, or a folder)."""
    from stemdist_ray.data.source import read_series
    from stemdist_ray.data.writers import write_series

    series = read_series(source, build_config("standard", {"data": data}).data)
    write_series(series, dest)
    typer.echo(
        f"wrote {dest}: {series.num_steps} steps x {series.num_locations} locations x "
        f"{series.num_features} features"
    )
