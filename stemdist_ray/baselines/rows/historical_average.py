"""The mean of the same season in the past."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import ClosedFormRow, register_row
from stemdist_ray.forecasters.closed_form.historical_average import HistoricalAverage

register_row(
    ClosedFormRow(
        name="historical_average",
        title="historical average",
        report_title="historical average",
        colour="#b0b0b0",
        position=110,
        forecaster=HistoricalAverage,
    )
)
