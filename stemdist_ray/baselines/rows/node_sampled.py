"""Full data, each step a random set of windows and locations as large as a distilled step."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row
from stemdist_ray.training.steps import SampledWindows


def node_sampled(material: Material, seed: int) -> RowData:
    """Sampled full data; every step draws anew."""
    del seed
    windows, _, locations, _ = material.x.shape
    data = SampledWindows.like_distilled(
        material.source.with_base(material.base),
        material.mean_window,
        windows,
        locations,
        material.subsets,
        material.device,
    )
    return RowData(data, material.base)


register_row(
    TrainedRow(
        name="node_sampled",
        title="full data, sampled",
        report_title="full data, node-sampled, same steps",
        colour="#aa4499",
        position=30,
        data=node_sampled,
        in_cross_table=True,
        reads_all=True,
    )
)
