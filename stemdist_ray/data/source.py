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
from stemdist_ray.data.resample import length_of_step, resampled
from stemdist_ray.data.series import OWN_START, OWN_STEP, SpatioTemporalSeries
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
        series = read_files(source_files(source), config.reading, budget)
    return as_configured(series, config, budget)


def as_configured(
    series: SpatioTemporalSeries, config: DataConfig, budget: MemoryBudget | None = None
) -> SpatioTemporalSeries:
    """Apply what the configuration says about readings, wherever they come from.

    Args:
        series: As it was read or given.
        config: Missing values, start and step, common steps, locations file.
        budget: For the readings on regular steps; None = that of ``config``.

    Returns:
        The series on regular steps.

    Raises:
        DataError: Settings contradict the series, or its steps are not regular.
    """
    series = with_missing_values(series, config.missing_values)
    series = with_time_stamps(series, config.start, config.sampling_step)
    step = None
    if config.read.resample is not None:
        series = resampled(series, config.read.resample)
        step = length_of_step(config.read.resample[1], series.name).to_timedelta64()
    series = regular(series, budget or MemoryBudget(config.memory_budget), step)
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
    with np.errstate(over="ignore"):  # no reading is that large
        lost = np.isin(series.values, np.asarray(missing, dtype=np.float32))
    observed = ~lost if series.mask is None else series.mask & ~lost
    return series.with_changes(mask=observed)


def with_time_stamps(
    series: SpatioTemporalSeries, start: str | None, step: str | None
) -> SpatioTemporalSeries:
    """Give regular time stamps to a series that has none.

    Start and step go together; one of them is enough where the source says the other.

    Raises:
        DataError: It has some, start or step cannot be read, one of them is not known, or the
            source says another.
    """
    own_start, own_step = (series.attributes.get(name) for name in (OWN_START, OWN_STEP))
    if start is None and (step is None or (series.times is not None and step == own_step)):
        return series
    if series.times is not None:
        raise DataError(
            f"{series.name}: has time stamps of its own; leave out data.start and "
            "data.sampling_step"
        )
    first, between = start or own_start, step or own_step
    if first is None or between is None:
        lacking = "data.start" if first is None else "data.sampling_step"
        raise DataError(
            f"{series.name}: data.start and data.sampling_step go together; give {lacking}, too"
        )
    try:
        times = pd.date_range(pd.Timestamp(first), periods=series.num_steps, freq=between)
        others = _contradiction(times, own_start, own_step)
    except ValueError as error:
        raise DataError(
            f"start {first!r} and sampling step {between!r} give no time stamps ({error}); "
            "expected e.g. 2012-03-01 and 5min"
        ) from error
    if others is not None:
        raise DataError(f"{series.name}: {others}; leave the setting out")
    return series.with_changes(times=times.to_numpy())


def _contradiction(
    times: pd.DatetimeIndex, own_start: str | None, own_step: str | None
) -> str | None:
    """In which way time stamps are not those that the source tells of."""
    if own_start is not None and times[0] != pd.Timestamp(own_start):
        return f"starts at {own_start} by its own account and at {times[0]} by data.start"
    if own_step is not None and len(times) > 1 and times[1] - times[0] != pd.Timedelta(own_step):
        return (
            f"its steps are {own_step} apart by its own account and {times[1] - times[0]} by "
            "data.sampling_step"
        )
    return None
