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
from stemdist_ray.forecasters.base import (
    FORECASTERS,
    Forecaster,
    build_forecaster,
    check_forecaster,
)

register_forecaster = FORECASTERS.register

__all__ = [
    "FORECASTERS",
    "Forecaster",
    "agcrn",
    "build_forecaster",
    "check_forecaster",
    "dlinear",
    "fouriergnn",
    "graph_wavenet",
    "itransformer",
    "mtgnn",
    "register_forecaster",
    "stgcn",
    "stid",
    "stnorm",
]
