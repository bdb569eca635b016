"""Ridge regression on the lags."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import ClosedFormRow, register_row
from stemdist_ray.forecasters.closed_form.ridge import RidgeOnLags

register_row(
    ClosedFormRow(
        name="ridge",
        title="ridge on lags",
        report_title="ridge on lags, full data",
        colour="#c1272d",
        position=120,
        forecaster=RidgeOnLags,
    )
)
