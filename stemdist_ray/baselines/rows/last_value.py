"""The last reading, repeated."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import ClosedFormRow, register_row
from stemdist_ray.forecasters.closed_form.last_value import LastValue

register_row(
    ClosedFormRow(
        name="last_value",
        title="last value",
        report_title="last value",
        colour="#7a7a7a",
        position=100,
        forecaster=LastValue,
    )
)
