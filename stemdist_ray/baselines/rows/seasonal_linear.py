"""The linear base by itself."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import ClosedFormRow, register_row
from stemdist_ray.forecasters.closed_form.seasonal_linear import SeasonalLinear

register_row(
    ClosedFormRow(
        name="seasonal_linear",
        title="seasonal linear",
        report_title="seasonal linear base, full data",
        colour="#882255",
        position=130,
        forecaster=SeasonalLinear,
    )
)
