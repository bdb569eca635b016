"""As many random windows and locations as the distilled data have, drawn anew per repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row
from stemdist_ray.forecasters.closed_form.subset_base import fit_subset_base
from stemdist_ray.seeding import numpy_generator


def random_subset(material: Material, seed: int) -> RowData:
    """Readings at random windows and locations, each location with weight 1.

    On the track with a base this is the row's own: fitted on these readings and on nothing else.
    """
    starts, columns = draw_subset(material, seed)
    windows, base = material.source.windows, None
    if material.base is not None:
        base = fit_subset_base(material.source, starts, columns)
        windows = replace(windows, base=base)
    batch = windows.batch(starts, columns)
    seen = None if batch.observed is None else batch.observed.numpy()
    weights = np.ones(len(columns), np.int64)
    graph = windows.graph_of(columns)
    data = material.fixed(batch.x.numpy(), batch.residual().numpy(), weights, seen, graph)
    return RowData(data, base)


def draw_subset(
    material: Material, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Random window starts (W,) and locations (K,), as many as the distilled data have."""
    rng = numpy_generator(seed, "random subset")
    windows, _, locations, _ = material.x.shape
    starts = np.sort(rng.choice(material.source.starts["train"], windows, replace=False))
    columns = np.sort(rng.choice(material.source.windows.num_locations, locations, replace=False))
    return starts, columns


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
