"""A source that is ready to be trained on: read, scaled, split, described. The one way in.

Axis letters: T steps, N locations, F features, C calendar columns, L lookback.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import DataConfig
from stemdist_ray.data.as_series import InMemory, as_series
from stemdist_ray.data.covariates import CalendarRule
from stemdist_ray.data.describe import SourceDescription, describe_series
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.data.targets import check_targets, with_targets
from stemdist_ray.data.windows import (
    SplitName,
    WindowBase,
    WindowedSeries,
    resolve_target,
    split_starts,
)
from stemdist_ray.errors import ConfigError, DataError

Source: TypeAlias = "str | Path | SpatioTemporalSeries | InMemory"
"""What a user may give: a path, ``demo``, ``sim:...``, or what ``as_series`` takes."""


@dataclass(frozen=True)
class PreparedSource:
    """A series that is scaled and split, with what is recorded of it; the raw values are gone.

    Args:
        windows: The scaled series, in memory or in mapped files.
        starts: Window starts per split; no window spans two splits.
        scaler: Fitted on train.
        train_steps: Steps of the train split.
        times: (T,) time stamps or None.
        calendar: Which calendar columns the inputs have.
        season: Where a step stands in its season.
        target_name: Name of the forecast feature.
        target_unit: Its unit, "" where unknown.
        location_ids: N ids.
        coordinates: (N, 2) or None.
        description: What manifests say of it.
        config: The data settings it was prepared with.
    """

    windows: WindowedSeries
    starts: dict[SplitName, npt.NDArray[np.int64]]
    scaler: Scaler
    train_steps: int
    times: npt.NDArray[np.datetime64] | None
    calendar: CalendarRule
    season: SeasonRule
    target_name: str
    target_unit: str
    location_ids: tuple[str, ...]
    coordinates: npt.NDArray[np.float64] | None
    description: SourceDescription
    config: DataConfig

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the F + C inputs: the features of the source, then the calendar columns."""
        return (*self.description.features, *self.calendar.columns)

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.windows.inputs)

    def with_base(self, base: WindowBase | None) -> PreparedSource:
        """The same source, whose windows come with the forecasts of a base, or without."""
        return replace(self, windows=replace(self.windows, base=base))

    def with_graph(self, graph: LocationGraph | None) -> PreparedSource:
        """The same source with a given graph between its locations, or without."""
        return replace(self, windows=replace(self.windows, graph=graph))

    def with_rules(self, calendar: CalendarRule, season: SeasonRule) -> PreparedSource:
        """The same source as one with other rules reads it: an earlier edition, of fewer days.

        Raises:
            DataError: The rules need time stamps and there are none.
        """
        if (calendar, season) == (self.calendar, self.season):
            return self
        if self.times is None and (calendar.columns or season.needs_times):
            raise DataError(
                f"{self.description.source} has no time stamps, and what was distilled from it "
                "had; give data.start and data.sampling_step as then"
            )
        windows = replace(self.windows, calendar=calendar.encode(self.times))
        return replace(self, windows=windows, calendar=calendar, season=season)

    def mean_window(self) -> npt.NDArray[np.float32]:
        """Mean train window of every location, scaled: (N, L, F + C) float32.

        It is what a location encoder reads, and all that a forecaster knows of a location.
        """
        return self.windows.mean_window(self.starts["train"])


def prepare(
    series: SpatioTemporalSeries,
    config: DataConfig,
    source: str | None = None,
    kind: str = "memory",
) -> PreparedSource:
    """Split in time, scale by train, find calendar and season, and index the windows.

    Args:
        series: The series.
        config: Split, window lengths, target, covariates, season.
        source: Where it comes from; None = its name.
        kind: Its format.

    Raises:
        DataError: A split is too short for one window, or a feature is never
            observed in train.
    """
    target = resolve_target(series, config.target)
    starts, train_steps = split_starts(series.name, series.num_steps, config)
    scaler = Scaler.fit(series, train_steps)
    scaled = scaler.transform(series.values)
    if series.mask is not None:
        np.nan_to_num(scaled, copy=False, nan=0.0)
    return assemble(
        WindowedSeries(scaled, series.mask, target, config.lookback, config.horizon),
        starts,
        scaler,
        train_steps,
        like=series,
        times=series.times,
        description=describe_series(series, series.name if source is None else source, kind),
        config=config,
    )


def assemble(
    windows: WindowedSeries,
    starts: dict[SplitName, npt.NDArray[np.int64]],
    scaler: Scaler,
    train_steps: int,
    *,
    like: SpatioTemporalSeries,
    times: npt.NDArray[np.datetime64] | None,
    description: SourceDescription,
    config: DataConfig,
) -> PreparedSource:
    """Put a prepared source together from its scaled readings, wherever these are held.

    Args:
        windows: The scaled series, without calendar.
        starts: Window starts per split.
        scaler: Fitted on train.
        train_steps: Steps of the train split.
        like: A series with its names, units and coordinates: the whole of it, or a block.
        times: (T,) or None.
        description: What manifests say of it.
        config: The data settings.

    Raises:
        DataError: Covariates are asked for and there are no time stamps, or a split has no targets
            that were observed and vary.
    """
    target_name = like.feature_names[windows.target]
    starts = with_targets(windows, starts)
    check_targets(windows, starts, scaler, like.name, target_name)
    calendar = CalendarRule.find(config.covariates, times, train_steps, like.name)
    return PreparedSource(
        windows=replace(windows, calendar=calendar.encode(times)),
        starts=starts,
        scaler=scaler,
        train_steps=train_steps,
        times=times,
        calendar=calendar,
        season=SeasonRule.find(times, config.season, train_steps),
        target_name=target_name,
        target_unit=like.units[windows.target],
        location_ids=like.location_ids,
        coordinates=like.coordinates,
        description=description,
        config=config,
    )


def prepare_source(source: Source | PreparedSource, config: DataConfig) -> PreparedSource:
    """Read and prepare a source, unless that was done already.

    Args:
        source: Path, ``demo``, ``sim:...``, what ``as_series`` takes, or one already prepared.
        config: How it is read, split and cut into windows. A :class:`SpatioTemporalSeries` is taken
            as it is; settings of reading do not change it.

    Raises:
        DataError: It cannot be read.
        ConfigError: It was prepared with other data settings.
    """
    if isinstance(source, PreparedSource):
        _check_same_settings(source, config)
        return source
    if isinstance(source, SpatioTemporalSeries):
        return prepare(source, config)  # as it is: its settings were applied when it was read
    if not isinstance(source, str | Path):
        return prepare(as_series(source, config), config)
    return prepare(read_series(source, config), config, str(source), source_format(source))


def _check_same_settings(source: PreparedSource, config: DataConfig) -> None:
    """Where coordinates come from, which are for maps only, and memory make no difference."""
    anywhere = {"locations_file": None, "memory_budget": None}
    if source.config.model_copy(update=anywhere) != config.model_copy(update=anywhere):
        raise ConfigError(
            f"{source.description.source} was prepared with other data settings than those of the "
            "run; prepare it with the run's, or give the source itself"
        )
