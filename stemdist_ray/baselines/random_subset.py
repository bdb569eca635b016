"""As many random windows and locations as the distilled data have, drawn anew per repeat."""

from __future__ import annotations

import numpy as np

from stemdist_ray.baselines.row import Material, TrainedRow, register_row
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.training.steps import FixedWindows


def random_subset(material: Material, seed: int) -> FixedWindows:
    """Readings at random windows and locations, each location with weight 1."""
    series, starts = material.source.windows, material.source.starts["train"]
    rng = numpy_generator(seed, "random subset")
    windows, _, locations, _ = material.x.shape
    rows = np.sort(rng.choice(starts, windows, replace=False))
    columns = np.sort(rng.choice(series.num_locations, locations, replace=False))
    batch = series.batch(rows, columns)
    seen = None if batch.observed is None else batch.observed.numpy()
    return material.fixed(batch.x.numpy(), batch.y.numpy(), np.ones(locations, np.int64), seen)


register_row(
    TrainedRow(
        name="random_subset",
        title="random subset",
        report_title="random real subset, same size",
        colour="#d55e00",
        position=10,
        data=random_subset,
        in_cross_table=True,
    )
)
