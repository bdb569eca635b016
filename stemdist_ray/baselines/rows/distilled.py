"""The distilled data themselves: what everything else is compared with."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row
from stemdist_ray.training.steps import FixedWindows


def distilled_data(material: Material, seed: int) -> RowData:
    """The distilled windows, always in K subset steps per epoch."""
    del seed
    known, x, y = material.known, material.x, material.y
    data = FixedWindows(
        known.inputs(x),
        y if material.base is None else known.residual(x, y),
        material.clustering.loss_weights,
        material.config.subsets,
        device=material.device,
        graph=material.cluster_graph,
        window_weights=known.weights,
    )
    return RowData(data, material.base)


register_row(
    TrainedRow(
        name="distilled",
        title="distilled",
        report_title="distilled data",
        colour="#0072b2",
        position=0,
        data=distilled_data,
        in_cross_table=True,
    )
)
