"""From recent readings to the inputs of a forecast, and to what the base says of them.

Axis letters: W windows, L lookback, H horizon, N locations, F features of the readings, C calendar
columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.data.covariates import CalendarRule
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.errors import DataError
from stemdist_ray.forecasters.closed_form.base_model import BoundBase
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase

Array = npt.NDArray[np.float32]

_MONTH_SECONDS = 27 * 86_400


@dataclass(frozen=True)
class InputRule:
    """How readings become inputs.

    Args:
        lookback: L.
        horizon: H.
        target: Position of the forecast feature.
        num_locations: N.
        feature_names: F names.
        scaler: Fitted on the train split.
        season: Where a step stands in its season.
        calendar: Which calendar columns the inputs have.
        sampling_seconds: Time between steps, None where it is not known.
    """

    lookback: int
    horizon: int
    target: int
    num_locations: int
    feature_names: tuple[str, ...]
    scaler: Scaler
    season: SeasonRule = field(default_factory=SeasonRule)
    calendar: CalendarRule = field(default_factory=CalendarRule)
    sampling_seconds: float | None = None

    @classmethod
    def of(cls, source: PreparedSource) -> InputRule:
        """The rule that a source was prepared by."""
        windows = source.windows
        return cls(
            lookback=windows.lookback,
            horizon=windows.horizon,
            target=windows.target,
            num_locations=windows.num_locations,
            feature_names=source.description.features,
            scaler=source.scaler,
            season=source.season,
            calendar=source.calendar,
            sampling_seconds=source.description.sampling_seconds,
        )

    @property
    def num_features(self) -> int:
        """F."""
        return len(self.feature_names)

    def windows(
        self,
        recent: npt.ArrayLike,
        last_time: Any = None,
        last_step: Any = None,
        season: bool = True,
    ) -> LiveWindows:
        """Make windows of recent readings.

        Args:
            recent: (L, N, F) readings in original units, or (W, L, N, F) for several windows; the
                last axis may be left out where F is 1. NaN = missing.
            last_time: Time stamp of the last reading, one per window, where calendar or season
                follow from time stamps.
            last_step: Number of the last reading, one per window, counted from the first step of
                the source, where the season is a number of steps.
            season: Whether the place in the season is needed.

        Raises:
            DataError: The readings have another shape, or their time is needed and missing.
        """
        values = self._checked(recent)
        count = len(values)
        length = self.lookback + self.horizon
        scaled = self.scaler.transform(values)
        inputs = np.zeros((count, length, *values.shape[2:]), np.float32)
        inputs[:, : self.lookback] = np.nan_to_num(scaled, nan=0.0)
        mask = np.zeros(inputs.shape, bool)
        mask[:, : self.lookback] = ~np.isnan(values)
        needs_times = bool(self.calendar.columns) or (season and self.season.needs_times)
        times = self._times(last_time, count) if needs_times else None
        needs_steps = season and self.season.unit == "steps"
        steps = self._steps(last_step, count) if needs_steps else np.arange(count * length)
        series = WindowedSeries(
            inputs.reshape(-1, *values.shape[2:]),
            mask.reshape(-1, *values.shape[2:]),
            self.target,
            self.lookback,
            self.horizon,
            calendar=self.calendar.encode(times),
        )
        place = self.season.place(times, steps) if season else np.zeros(len(steps), np.int64)
        return LiveWindows(series, np.arange(count) * length, place)

    def several(self, recent: npt.ArrayLike) -> bool:
        """Whether readings have an axis of windows."""
        shape = np.shape(recent)
        single = self.num_features == 1 and shape[-2:] == (self.lookback, self.num_locations)
        return len(shape) + single == 4

    def _checked(self, recent: npt.ArrayLike) -> Array:
        values = np.asarray(recent, dtype=np.float32)
        wanted = (self.lookback, self.num_locations, self.num_features)
        if self.num_features == 1 and values.shape[-2:] == wanted[:2]:
            values = values[..., None]
        if values.ndim not in (3, 4) or values.shape[-3:] != wanted:
            raise DataError(
                f"recent readings have shape {np.shape(recent)}; expected (steps, locations, "
                f"features) = {wanted}, with windows in front where there are several"
            )
        return values if values.ndim == 4 else values[None]

    def _times(self, last: Any, count: int) -> npt.NDArray[np.datetime64]:
        """Time stamps of all steps of all windows, (W (L + H),)."""
        if last is None or self.sampling_seconds is None:
            raise DataError(
                "the forecast depends on the time of day or of the year: pass last_time, the time "
                "stamp of the last reading of each window"
            )
        try:
            ends = pd.to_datetime(_listed(last)).to_numpy("datetime64[ns]")
        except (ValueError, TypeError) as error:
            raise DataError(f"last_time {last!r} is not a time stamp: {error}") from error
        self._check_count("last_time", len(ends), count)
        offsets = np.arange(1 - self.lookback, self.horizon + 1)
        if self.sampling_seconds >= _MONTH_SECONDS:
            months = round(self.sampling_seconds / (365.2425 * 86_400 / 12))
            stamps = ends.astype("datetime64[M]")[:, None] + offsets * months
            return stamps.astype("datetime64[ns]").ravel()
        step = np.timedelta64(round(self.sampling_seconds * 1e9), "ns")
        return np.asarray((ends[:, None] + offsets * step).ravel())

    def _steps(self, last: Any, count: int) -> npt.NDArray[np.int64]:
        """Numbers of all steps of all windows, (W (L + H),)."""
        if last is None:
            raise DataError(
                f"the forecast depends on the place in a season of {self.season.slots} steps: pass "
                "last_step, the number of the last reading of each window, counted from the first "
                "step of the source"
            )
        ends = np.asarray(_listed(last), dtype=np.int64)
        self._check_count("last_step", len(ends), count)
        steps = ends[:, None] + np.arange(1 - self.lookback, self.horizon + 1)
        return np.asarray(steps.ravel())

    def _check_count(self, name: str, found: int, count: int) -> None:
        if found != count:
            raise DataError(f"{name} holds {found} values for {count} windows; give one each")


def _listed(value: Any) -> list[Any]:
    """One value as a list of one."""
    return list(value) if np.ndim(value) else [value]


@dataclass(frozen=True)
class LiveWindows:
    """Windows whose targets are still to come.

    Args:
        series: All windows one after the other, their targets missing.
        starts: (W,) first step of each.
        place: (T,) place of every step in its season.
    """

    series: WindowedSeries
    starts: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]

    def with_base(self, fitted: FittedBase) -> LiveWindows:
        """The same windows with a base."""
        bound = BoundBase.of(fitted.model, self.series, self.place)
        return replace(self, series=replace(self.series, base=bound))


@dataclass(frozen=True)
class LiveBase:
    """A base that forecasts from recent readings.

    Args:
        rule: How readings become inputs.
        fitted: The base.
    """

    rule: InputRule
    fitted: FittedBase

    def forecast(
        self,
        recent: npt.ArrayLike,
        last_time: Any = None,
        last_step: Any = None,
        scaled: bool = False,
    ) -> Array:
        """Forecast from recent readings; a network trained on residuals is added to this.

        Args:
            recent: As for :meth:`InputRule.windows`.
            last_time: As there.
            last_step: As there.
            scaled: Return scaled forecasts, to which a network's output is added as it is.

        Returns:
            (H, N) forecasts in original units, or (W, H, N) for several windows.

        Raises:
            DataError: As there.
        """
        season = self.fitted.needs_season
        windows = self.rule.windows(recent, last_time, last_step, season).with_base(self.fitted)
        base = windows.series.batch(windows.starts).base
        assert base is not None
        out = np.asarray(base.numpy())
        if not scaled:
            out = self.rule.scaler.inverse(out, self.rule.target)
        return out if self.rule.several(recent) else out[0]
