"""Random windows and locations with the teacher's targets: labels alone, no choice, no learning."""

from __future__ import annotations

import numpy as np

from stemdist_ray.baselines.rows.random_subset import draw_subset
from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row


def random_teacher(material: Material, seed: int) -> RowData:
    """The windows and locations of the random subset, labelled by the data set's teacher."""
    assert material.teacher is not None  # else the row is left out
    starts, columns = draw_subset(material, seed)
    x = material.source.windows.batch(starts, columns).x.numpy()
    y = material.teacher.forecast(x, material.mean_window[columns], material.device)
    if material.base is None and material.teacher_base is not None:
        own = x[..., : material.source.windows.own_features]
        y = y + material.teacher_base.forecast(own, starts, columns)
    graph = material.source.windows.graph_of(columns)
    data = material.fixed(x, y, np.ones(len(columns), np.int64), graph=graph)
    return RowData(data, material.base)


register_row(
    TrainedRow(
        name="random_teacher",
        title="random + teacher",
        report_title="random real windows, targets of the teacher",
        colour="#e69f00",
        position=15,
        data=random_teacher,
        needs_teacher=True,
    )
)
