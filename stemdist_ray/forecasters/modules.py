"""Forecasters that are plain torch modules of the user's own.

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from torch import Tensor, nn

from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.base_class import Forecaster, ForecasterOptions, WindowShape


class ModuleForecaster(Forecaster):
    """A module ``forward(x, mean_window)`` behind the interface of a forecaster.

    The module is built with the :class:`WindowShape`, and with its options where its class has
    ``Options``. It maps inputs (W, L, N, F) and mean windows (N, L, F) to forecasts (W, H, N).

    Args:
        shape: L, H and F.
        options: The module's own.
    """

    module_class: ClassVar[type[nn.Module]]

    def __init__(self, shape: WindowShape, options: ForecasterOptions) -> None:
        super().__init__(shape)
        own = hasattr(self.module_class, "Options")
        self.module = self.module_class(shape, options) if own else self.module_class(shape)

    def encode(self, mean_window: Tensor) -> Tensor:
        """The mean windows themselves."""
        return mean_window

    def predict(self, x: Tensor, state: Tensor) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F).

        Raises:
            ConfigError: The module returns another shape.
        """
        out = self.module(x, state)
        wanted = (len(x), self.shape.horizon, x.shape[2])
        if not isinstance(out, Tensor) or tuple(out.shape) != wanted:
            found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
            raise ConfigError(
                f"{self.module_class.__name__} returned {found} for inputs {tuple(x.shape)}; "
                f"expected (windows, horizon, locations) = {wanted}"
            )
        return out


def as_forecaster(kind: Any) -> type[Forecaster]:
    """Turn a class into a forecaster: a :class:`Forecaster` as it is, a module wrapped.

    Raises:
        ConfigError: It is neither, or its constructor or ``forward`` take other arguments.
    """
    if isinstance(kind, type) and issubclass(kind, Forecaster):
        return kind
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ConfigError(
            f"a forecaster is a subclass of Forecaster or torch.nn.Module; found {kind!r}"
        )
    _check_calls(kind)
    members = {
        "__doc__": kind.__doc__,
        "__module__": kind.__module__,
        "__qualname__": f"{kind.__qualname__} (as a forecaster)",
        "module_class": kind,
        "Options": getattr(kind, "Options", ForecasterOptions),
        "summary": getattr(kind, "summary", (kind.__doc__ or "").strip().split("\n")[0]),
        "source": getattr(kind, "source", ""),
        "widths": tuple(getattr(kind, "widths", ())),
    }
    return type(kind.__name__, (ModuleForecaster,), members)


def _check_calls(kind: type[nn.Module]) -> None:
    built = ("shape", "options") if hasattr(kind, "Options") else ("shape",)
    for name, function, arguments in (
        ("__init__", kind.__init__, ("self", *built)),
        ("forward", kind.forward, ("self", "x", "mean_window")),
    ):
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError as error:
            raise ConfigError(
                f"{kind.__name__}.{name} is called as {name}({', '.join(arguments)}) but cannot "
                f"be: {error}"
            ) from error
