"""Forecasters that were trained elsewhere: recent readings in, forecast out, nothing is learned.

Which packages these are of is up to who has them installed. A package offers one by an entry
point::

    [project.entry-points."stemdist_ray.zero_shot"]
    mine = "my_package.my_module:forecast"

and any function can be named as ``module:object``.

Axis letters: W windows, C readings that are shown, H horizon, N locations.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.errors import ConfigError, StemdistError
from stemdist_ray.forecasters.closed_form.base_class import VALUES_PER_BATCH, ClosedFormForecaster
from stemdist_ray.forecasters.closed_form.fracast import Fracast
from stemdist_ray.registry import Registry

Array = npt.NDArray[np.float32]

Adapter: TypeAlias = Callable[[Array, int], npt.ArrayLike]
"""(W, C, N) readings in original units, NaN where missing (never all of a window's of a
location), and H, to (W, H, N) forecasts in the same units. A class is called without arguments
first: it is made once, and then asked."""

ADAPTERS: Registry[Any] = Registry("zero-shot forecaster", group="stemdist_ray.zero_shot")
ADAPTERS.register("fracast")(Fracast)


def find_adapter(name: str) -> Adapter:
    """The adapter of a name, ready to be asked.

    Args:
        name: Of an entry point, or ``module:object``.

    Raises:
        ConfigError: There is none, or it cannot be loaded.
        DependencyError: The package that it is for is not installed.
    """
    found = _imported(name) if ":" in name else ADAPTERS.get(name)
    try:
        adapter = found() if isinstance(found, type) else found
    except StemdistError:
        raise
    except Exception as error:
        raise ConfigError(f"zero-shot forecaster {name!r} cannot be made: {error!r}") from error
    if not callable(adapter):
        raise ConfigError(
            f"zero-shot forecaster {name!r}: expected a function of recent readings and horizon, "
            f"found {type(adapter).__name__}; name a function or a class"
        )
    ready: Adapter = adapter
    return ready


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        raise ConfigError(
            f"zero-shot forecaster {name!r} cannot be loaded: {error}; expected the name of an "
            "entry point, or module:object of a module that can be imported (PYTHONPATH)"
        ) from error


class ZeroShot(ClosedFormForecaster):
    """Asks an adapter.

    Args:
        source: The prepared series.
        name: Of the adapter.
        context: C, how many readings before the forecast it is shown; None = the lookback.

    Raises:
        ConfigError: There is no such adapter.
    """

    def __init__(self, source: PreparedSource, name: str, context: int | None = None) -> None:
        super().__init__(source)
        self.name, self.adapter = name, find_adapter(name)
        self.context = context or source.windows.lookback

    def windows_per_batch(self) -> int:
        """See :class:`ClosedFormForecaster`."""
        series = self.source.windows
        per_window = series.num_locations * (self.context + series.horizon)
        return max(1, VALUES_PER_BATCH // 4 // per_window)

    def recent(self, starts: npt.NDArray[np.int64]) -> Array:
        """Readings up to the end of each lookback, (W, C, N), original units.

        NaN where they are missing, or from before the series begins. A location of which nothing
        was seen is shown at its train mean, so that there is something to go by.
        """
        source, series = self.source, self.source.windows
        steps = starts[:, None] + series.lookback - self.context + np.arange(self.context)
        inside = np.maximum(steps, 0)
        values = source.scaler.inverse(series.inputs[inside, :, series.target], series.target)
        if series.input_mask is not None:
            values[~series.input_mask[inside, :, series.target]] = np.nan
        values[steps < 0] = np.nan
        unseen = np.isnan(values).all(axis=1, keepdims=True)
        mean = source.scaler.mean[series.target]
        return np.asarray(np.where(unseen, mean, values), np.float32)

    def predict(self, starts: npt.NDArray[np.int64]) -> Array:
        """See :class:`ClosedFormForecaster`.

        Raises:
            ConfigError: The adapter fails, or its forecasts have another shape or are not finite.
        """
        source, series = self.source, self.source.windows
        try:
            answer = np.asarray(self.adapter(self.recent(starts), series.horizon), np.float32)
        except StemdistError:
            raise
        except Exception as error:
            raise ConfigError(f"zero-shot forecaster {self.name!r} failed: {error!r}") from error
        wanted = (len(starts), series.horizon, series.num_locations)
        if answer.shape != wanted:
            raise ConfigError(
                f"zero-shot forecaster {self.name!r} gave forecasts of shape {answer.shape}; "
                f"expected {wanted}: windows, horizon, locations"
            )
        if not np.isfinite(answer).all():
            raise ConfigError(
                f"zero-shot forecaster {self.name!r} gave {np.count_nonzero(~np.isfinite(answer))} "
                "forecasts that are not finite; missing readings are shown as NaN: fill them there"
            )
        mean, std = source.scaler.mean[series.target], source.scaler.std[series.target]
        return np.asarray((answer - mean) / std, np.float32)
