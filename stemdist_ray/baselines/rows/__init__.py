"""The rows of a comparison: what forecasters are trained on, and what needs no training.

Every module of this package registers one row; importing the package makes all of them known, so a
new row or a new baseline is one new file.
"""

from importlib import import_module
from pkgutil import iter_modules

from stemdist_ray.baselines.rows.row import (
    ROWS,
    ClosedFormRow,
    Material,
    Row,
    RowData,
    TrainedRow,
    closed_form_rows,
    register_row,
    trained_rows,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "ROWS",
    "ClosedFormRow",
    "Material",
    "Row",
    "RowData",
    "TrainedRow",
    "closed_form_rows",
    "register_row",
    "trained_rows",
]
