"""The registry that knows the forecasters by name.

A package of its own adds one by an entry point in its pyproject.toml::

    [project.entry-points."stemdist_ray.forecasters"]
    mine = "my_package.my_module:Mine"
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from stemdist_ray.config import ForecasterConfig, describe_validation_error
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.base_class import (
    Forecaster,
    ForecasterOptions,
    GraphForecaster,
    WindowShape,
)
from stemdist_ray.forecasters.modules import as_forecaster
from stemdist_ray.forecasters.with_base import start_at_zero
from stemdist_ray.registry import Registry

FORECASTERS: Registry[type[Forecaster]] = Registry(
    "forecaster", group="stemdist_ray.forecasters", adapt=as_forecaster
)


def check_forecaster(config: ForecasterConfig) -> ForecasterOptions:
    """Look a forecaster up and check its options, without building it.

    Raises:
        ConfigError: Unknown name or options.
    """
    kind = FORECASTERS.get(config.name)
    try:
        return kind.Options.model_validate(config.options)
    except ValidationError as error:
        text = describe_validation_error(error).removeprefix("configuration: ")
        raise ConfigError(f"forecaster {config.name}: {text}") from error


_WIDTH_STEP = 8  # heads, and channels that kernels share, divide it


def options_of_width(name: str, factor: float) -> dict[str, int]:
    """The options that make a forecaster wider or narrower than by default.

    Args:
        name: Of the forecaster.
        factor: Times the default widths; the results are multiples of 8, at least 8.

    Raises:
        ConfigError: Unknown name, or a factor other than 1 for a forecaster without widths.
    """
    kind = FORECASTERS.get(name)
    if factor == 1.0:
        return {}
    if not kind.widths:
        raise ConfigError(
            f"forecaster {name} has no widths to scale (found width {factor:g}); leave width out"
        )
    defaults = kind.Options()
    steps = {n: round(factor * getattr(defaults, n) / _WIDTH_STEP) for n in kind.widths}
    return {name: _WIDTH_STEP * max(1, count) for name, count in steps.items()}


def takes_graph(name: str) -> bool:
    """Whether a registered forecaster can be given a graph of the locations.

    Raises:
        ConfigError: Unknown name.
    """
    return issubclass(FORECASTERS.get(name), GraphForecaster)


def check_takes_graph(name: str, setting: str) -> None:
    """Refuse a graph for a forecaster that takes none.

    Args:
        name: Of the forecaster.
        setting: That names the graph.

    Raises:
        ConfigError: It takes none; which do.
    """
    if not takes_graph(name):
        some = ", ".join(n for n in FORECASTERS.names() if takes_graph(n))
        raise ConfigError(
            f"the forecaster {name} takes no graph ({setting}); {some} do: choose one of them "
            "(forecaster.name), or leave the graph out"
        )


def shape_for(config: ForecasterConfig, windows: WindowedSeries) -> WindowShape:
    """The sizes a forecaster is built for; a graph only counts for one that takes it."""
    shape = WindowShape.of(windows)
    return replace(shape, graph=shape.graph and takes_graph(config.name))


def build_forecaster(config: ForecasterConfig, shape: WindowShape) -> Forecaster:
    """Build a registered forecaster with fresh weights from torch's current random state.

    Its forecasts are zero at first where ``shape`` says that it learns a residual.

    Raises:
        ConfigError: Unknown name or options.
    """
    options = check_forecaster(config)
    if shape.graph:
        check_takes_graph(config.name, "its shape")
    model: Forecaster = FORECASTERS.get(config.name)(shape, options)  # type: ignore[call-arg, arg-type]
    if shape.residual:
        model = start_at_zero(model)
    model.precision = config.precision
    return model


def describe_forecasters() -> list[dict[str, Any]]:
    """Name, summary, source and default size of every forecaster.

    The number of parameters is for 12 steps of one feature to 12 steps. A forecaster whose
    package cannot be loaded has an ``error`` instead.
    """
    shape = WindowShape(lookback=12, horizon=12, num_features=1)
    rows: list[dict[str, Any]] = []
    for name in FORECASTERS:
        try:
            model = build_forecaster(ForecasterConfig(name=name), shape)
        except ConfigError as error:
            rows.append({"name": name, "error": str(error)})
            continue
        rows.append(
            {
                "name": name,
                "summary": model.summary,
                "source": model.source,
                "num_parameters": model.num_parameters(),
                "options": model.Options().model_dump(mode="json"),
            }
        )
    return rows
