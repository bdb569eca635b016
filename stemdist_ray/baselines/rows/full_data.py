"""Everything, until validation stops improving."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row
from stemdist_ray.training.steps import FullData


def full_data(material: Material, seed: int) -> RowData:
    """All locations in every step, all train windows once per epoch."""
    del seed
    data = FullData(
        windows=material.windows,
        starts=material.source.starts["train"],
        mean_window=material.mean_window,
        batch=material.config.full_data_batch,
        device=material.device,
    )
    return RowData(data, material.base)


register_row(
    TrainedRow(
        name="full_data",
        title="full data",
        report_title="full data, to convergence",
        colour="black",
        position=40,
        data=full_data,
        in_cross_table=True,
        reads_all=True,
        on_request=True,
        budget=lambda config: (config.full_data_budget(), config.full_data_patience),
    )
)
