"""The distilled data themselves: what everything else is compared with."""

from __future__ import annotations

from stemdist_ray.baselines.row import Material, TrainedRow, register_row
from stemdist_ray.training.steps import FixedWindows


def distilled_data(material: Material, seed: int) -> FixedWindows:
    """The distilled windows, always in K subset steps per epoch."""
    del seed
    sizes, config = material.clustering.cluster_size, material.config
    return FixedWindows(material.x, material.y, sizes, config.subsets, device=material.device)


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
