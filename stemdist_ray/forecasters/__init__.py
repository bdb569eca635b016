"""Forecasters. Importing this package registers all of them."""

from stemdist_ray.forecasters import (
    agcrn,
    dlinear,
    fouriergnn,
    graph_wavenet,
    itransformer,
    mtgnn,
    stgcn,
    stid,
    stnorm,
)
from stemdist_ray.forecasters.base_class import (
    Forecaster,
    ForecasterOptions,
    GraphForecaster,
    WindowShape,
)
from stemdist_ray.forecasters.catalog import (
    FORECASTERS,
    build_forecaster,
    check_forecaster,
    check_takes_graph,
    describe_forecasters,
    options_of_width,
    takes_graph,
)

register_forecaster = FORECASTERS.register

__all__ = [
    "FORECASTERS",
    "Forecaster",
    "ForecasterOptions",
    "GraphForecaster",
    "WindowShape",
    "agcrn",
    "build_forecaster",
    "check_forecaster",
    "check_takes_graph",
    "describe_forecasters",
    "dlinear",
    "fouriergnn",
    "graph_wavenet",
    "itransformer",
    "mtgnn",
    "options_of_width",
    "register_forecaster",
    "stgcn",
    "stid",
    "stnorm",
    "takes_graph",
]
