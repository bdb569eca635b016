"""Read a source once and describe it; shared by the whole jobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemdist_ray.config import DataConfig
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import load_source

Source = str | Path | SpatioTemporalSeries


@dataclass(frozen=True)
class JobInput:
    """A series and what is recorded of it.

    Args:
        series: The series.
        description: Source, name, format, sizes, content hash; goes into manifests.
    """

    series: SpatioTemporalSeries
    description: dict[str, Any]


def read_input(source: Source, config: DataConfig) -> JobInput:
    """Read a source, or take a series as it is.

    Raises:
        DataError: It cannot be read.
    """
    if isinstance(source, SpatioTemporalSeries):
        series, kind, text = source, "memory", source.name
    else:
        loaded = load_source(source, config)
        series, kind, text = loaded.series, loaded.format, str(source)
    return JobInput(series, {"source": text, "format": kind} | describe_series(series))


def describe_series(series: SpatioTemporalSeries) -> dict[str, Any]:
    """Sizes, features, times, missing share and content hash of a series."""
    step = series.sampling_step
    return {
        "name": series.name,
        "steps": series.num_steps,
        "locations": series.num_locations,
        "features": list(series.feature_names),
        "units": list(series.units),
        "first_time": None if series.times is None else str(series.times[0]),
        "last_time": None if series.times is None else str(series.times[-1]),
        "sampling_seconds": None if step is None else float(step.astype("int64")) / 1e9,
        "missing_share": series.missing_share,
        "has_coordinates": series.coordinates is not None,
        "hash": series.content_hash(),
    }
