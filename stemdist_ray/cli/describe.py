"""``stemdist describe``: what a source holds."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from stemdist_ray.cli.flags import SETTING_FLAGS, with_flags
from stemdist_ray.cli.options import SourceArgument
from stemdist_ray.cli.source_options import reads_source
from stemdist_ray.config import build_config


@reads_source("season")
def describe(
    source: SourceArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    *,
    data: dict[str, Any],
) -> None:
    """Read SOURCE and say what it holds, how it was read, and what looks wrong."""
    from stemdist_ray.cli.description import description_lines
    from stemdist_ray.data.describe import describe_series
    from stemdist_ray.data.doubts import doubts
    from stemdist_ray.data.season import describe_season
    from stemdist_ray.data.source import read_series, source_format
    from stemdist_ray.data.statistics import series_statistics
    from stemdist_ray.system.files import finite

    config = build_config("standard", {"data": data}).data
    series = read_series(source, config)
    about = describe_series(series, source, source_format(source))
    statistics = series_statistics(series)
    season = describe_season(series.values[:, :, 0], series.times)
    flags = [flag.split("/")[0] for flag in SETTING_FLAGS.values()]
    warnings = [with_flags(line, flags) for line in doubts(series, season)]
    if as_json:
        tree = {
            **about.to_json(),
            "statistics": statistics,
            "season": season,
            "warnings": warnings,
        }
        typer.echo(json.dumps(finite(tree), indent=2))
        return
    for line in description_lines(about, statistics, season, warnings):
        typer.echo(line)
