"""Methods that make a small data set of a large one, a file each; and the rows of comparisons.

Every module of this package registers one method; importing the package makes all of them known.
"""

from importlib import import_module
from pkgutil import iter_modules

from stemdist_ray.baselines.method import (
    METHODS,
    OWN,
    Made,
    Method,
    MethodOptions,
    MethodWork,
    available,
    register_method,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "METHODS",
    "OWN",
    "Made",
    "Method",
    "MethodOptions",
    "MethodWork",
    "available",
    "register_method",
]
