"""Full data, each step a random set of windows and locations as large as a distilled step."""

from __future__ import annotations

from stemdist_ray.baselines.row import Material, TrainedRow, register_row
from stemdist_ray.training.steps import SampledWindows


def node_sampled(material: Material, seed: int) -> SampledWindows:
    """Sampled full data; every step draws anew."""
    del seed
    windows, _, locations, _ = material.x.shape
    return SampledWindows.like_distilled(
        material.source,
        material.mean_window,
        windows,
        locations,
        material.subsets,
        material.device,
    )


register_row(
    TrainedRow(
        name="node_sampled",
        title="full data, sampled",
        report_title="full data, node-sampled, same steps",
        colour="#aa4499",
        position=30,
        data=node_sampled,
        in_cross_table=True,
    )
)
