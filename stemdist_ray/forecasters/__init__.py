"""Forecasters. Importing this package registers all of them."""

from stemdist_ray.forecasters import mtgnn
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
    "build_forecaster",
    "check_forecaster",
    "mtgnn",
    "register_forecaster",
]
