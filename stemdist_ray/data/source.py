"""From a SOURCE (path, ``demo`` or ``sim:...``) to a series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stemdist_ray.config import DataConfig
from stemdist_ray.data.files import source_files
from stemdist_ray.data.joined import read_files
from stemdist_ray.data.locations import with_coordinates
from stemdist_ray.data.regular import regular
from stemdist_ray.data.resample import resampled
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.simulate import DEMO_SOURCE, parse_simulation, simulate_traffic
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget


def read_series(source: str | Path, config: DataConfig | None = None) -> SpatioTemporalSeries:
    """Read a source and apply what the configuration says about its readings.

    Args:
        source: A path (a file, a folder, a pattern of files), ``demo`` or ``sim:traffic?...``.
        config: Missing values, start and step, locations file; defaults when None.

    Raises:
        DataError: It cannot be read; the message is one line.
    """
    config = config or DataConfig()
    budget = MemoryBudget(config.memory_budget)
    if is_simulated(source):
        text = DEMO_SOURCE if str(source) == "demo" else str(source)
        series = simulate_traffic(parse_simulation(text), budget)
    else:
        series = read_files(source_files(source), config.read, budget)
    series = with_missing_values(series, config.missing_values)
    series = with_time_stamps(series, config.start, config.sampling_step)
    if config.read.resample is not None:
        series = resampled(series, config.read.resample)
    series = regular(series, budget)
    if config.locations_file is not None:
        series = with_coordinates(series, Path(config.locations_file))
    return series


def is_simulated(source: str | Path) -> bool:
    """Whether a source is simulated and not read: ``demo`` and ``sim:...``."""
    return str(source) == "demo" or str(source).startswith("sim:")


def source_format(source: str | Path) -> str:
    """Name of the reader of a source, "simulation" where there is none.

    Raises:
        DataError: Nothing is there, or no reader knows it.
    """
    return "simulation" if is_simulated(source) else source_files(source).reader.name


def with_missing_values(
    series: SpatioTemporalSeries, missing: Sequence[float]
) -> SpatioTemporalSeries:
    """Treat some readings as missing."""
    if not missing:
        return series
    lost = np.isin(series.values, np.asarray(missing, dtype=np.float32))
    observed = ~lost if series.mask is None else series.mask & ~lost
    return series.with_changes(mask=observed)


def with_time_stamps(
    series: SpatioTemporalSeries, start: str | None, step: str | None
) -> SpatioTemporalSeries:
    """Give regular time stamps to a series that has none.

    Raises:
        DataError: It has some, or start or step cannot be read.
    """
    if start is None or step is None:
        return series
    if series.times is not None:
        raise DataError(
            f"{series.name}: has time stamps of its own; leave out data.start and "
            "data.sampling_step"
        )
    try:
        times = pd.date_range(pd.Timestamp(start), periods=series.num_steps, freq=step)
    except ValueError as error:
        raise DataError(
            f"start {start!r} and sampling step {step!r} give no time stamps ({error}); "
            "expected e.g. 2012-03-01 and 5min"
        ) from error
    return series.with_changes(times=times.to_numpy())
