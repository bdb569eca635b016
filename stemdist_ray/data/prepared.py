"""A source that is ready to be trained on: read, scaled, split, described. The one way in.

Axis letters: T steps, N locations, F features (covariates included), L lookback.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import DataConfig
from stemdist_ray.data.covariates import append_covariates
from stemdist_ray.data.describe import SourceDescription, describe_series
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.data.windows import SplitName, WindowedSeries, resolve_target, split_starts
from stemdist_ray.errors import ConfigError

Source = str | Path | SpatioTemporalSeries
"""What a user may give: a path, ``demo``, ``sim:...``, or a series in memory."""


@dataclass(frozen=True)
class PreparedSource:
    """A series that is scaled and split, with what is recorded of it; the raw values are gone.

    Args:
        windows: The scaled series, in memory or in mapped files.
        starts: Window starts per split; no window spans two splits.
        scaler: Fitted on train.
        train_steps: Steps of the train split.
        times: (T,) time stamps or None.
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
    target_name: str
    target_unit: str
    location_ids: tuple[str, ...]
    coordinates: npt.NDArray[np.float64] | None
    description: SourceDescription
    config: DataConfig

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the F inputs: the features of the source, then the covariates."""
        return (*self.description.features, *self.config.covariates)

    def mean_window(self) -> npt.NDArray[np.float32]:
        """Mean train window of every location, scaled: (N, L, F) float32.

        It is what a location encoder reads, and all that a forecaster knows of a location.
        """
        return self.windows.mean_window(self.starts["train"])


def prepare(
    series: SpatioTemporalSeries,
    config: DataConfig,
    source: str | None = None,
    kind: str = "memory",
) -> PreparedSource:
    """Append covariates, split in time, scale by train, and index the windows of each split.

    Args:
        series: The series.
        config: Split, window lengths, target, covariates.
        source: Where it comes from; None = its name.
        kind: Its format.

    Raises:
        DataError: A split is too short for one window, or a feature is never
            observed in train.
    """
    target = resolve_target(series, config.target)
    full = append_covariates(series, config.covariates)
    starts, train_steps = split_starts(series.name, full.num_steps, config)
    scaler = Scaler.fit(full, train_steps)
    scaled = scaler.transform(full.values)
    if full.mask is not None:
        np.nan_to_num(scaled, copy=False, nan=0.0)
    return PreparedSource(
        windows=WindowedSeries(scaled, full.mask, target, config.lookback, config.horizon),
        starts=starts,
        scaler=scaler,
        train_steps=train_steps,
        times=full.times,
        target_name=full.feature_names[target],
        target_unit=full.units[target],
        location_ids=series.location_ids,
        coordinates=series.coordinates,
        description=describe_series(series, series.name if source is None else source, kind),
        config=config,
    )


def prepare_source(source: Source | PreparedSource, config: DataConfig) -> PreparedSource:
    """Read and prepare a source, unless that was done already.

    Raises:
        DataError: It cannot be read.
        ConfigError: It was prepared with other data settings.
    """
    if isinstance(source, PreparedSource):
        _check_same_settings(source, config)
        return source
    if isinstance(source, SpatioTemporalSeries):
        return prepare(source, config)
    return prepare(read_series(source, config), config, str(source), source_format(source))


def _check_same_settings(source: PreparedSource, config: DataConfig) -> None:
    """Coordinates are for maps only, so where they come from makes no difference."""
    anywhere = {"locations_file": None}
    if source.config.model_copy(update=anywhere) != config.model_copy(update=anywhere):
        raise ConfigError(
            f"{source.description.source} was prepared with other data settings than those of the "
            "run; prepare it with the run's, or give the source itself"
        )
