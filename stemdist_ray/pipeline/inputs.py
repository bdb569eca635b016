"""Read a source once and describe it; shared by the whole jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stemdist_ray.config import DataConfig
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import load_source
from stemdist_ray.data.streaming import PreparedSource, stream_source
from stemdist_ray.data.windows import PreparedData, prepare
from stemdist_ray.errors import ConfigError, DataError
from stemdist_ray.progress import Reporter
from stemdist_ray.training.config import TrainConfig

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


@dataclass(frozen=True)
class PreparedInput:
    """A source that was read and prepared once, for many runs.

    Args:
        job: The series and what is recorded of it.
        data: The same scaled and split.
        config: The data settings it was prepared with.
    """

    job: JobInput
    data: PreparedData
    config: DataConfig


def prepare_input(source: Source | PreparedInput, config: DataConfig) -> PreparedInput:
    """Read and prepare a source, unless that was done already.

    Raises:
        DataError: It cannot be read.
        ConfigError: It was prepared with other data settings.
    """
    if isinstance(source, PreparedInput):
        if source.config != config:
            raise ConfigError("the source was prepared with other data settings than those given")
        return source
    job = read_input(source, config)
    return PreparedInput(job, prepare(job.series, config), config)


@contextmanager
def training_input(
    source: Source, config: TrainConfig, folder: Path, reporter: Reporter
) -> Iterator[PreparedSource]:
    """Read a source whole, or stream it into files that are gone when the block ends.

    Args:
        source: The series.
        config: ``data``, and whether to stream.
        folder: Output folder; the files of a streamed series lie beside it.
        reporter: Is told where the files are.

    Raises:
        DataError: It cannot be read, or not in blocks.
    """
    if not config.streaming:
        ready = prepare_input(source, config.data)
        series, about = ready.job.series, ready.job.description
        yield PreparedSource(ready.data, series.location_ids, series.feature_names, about)
        return
    if isinstance(source, SpatioTemporalSeries):
        raise DataError(f"{source.name} is in memory already; leave streaming out")
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{folder.name}.series-", dir=folder.absolute().parent) as files:
        reporter.say(f"streaming {source} into {files}")
        yield stream_source(source, config.data, Path(files))


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
