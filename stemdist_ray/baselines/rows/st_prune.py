"""Everything but windows that are forecast well already: left out at random, by epoch."""

from __future__ import annotations

from stemdist_ray.baselines.rows.full_data import full_data
from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row
from stemdist_ray.training.pruned import PrunedData
from stemdist_ray.training.steps import FullData


def pruned_data(material: Material, seed: int) -> RowData:
    """All train windows, pruned by their running loss; the last epochs see all of them."""
    row, config = full_data(material, seed), material.config
    assert isinstance(row.data, FullData)
    epochs = config.full_data_epochs
    last = max(1, round(config.prune_last * epochs))
    return RowData(PrunedData(row.data, config.prune_share, epochs, last), row.base)


register_row(
    TrainedRow(
        name="st_prune",
        title="full data, pruned",
        report_title="full data, dynamically pruned",
        colour="#555555",
        position=35,
        data=pruned_data,
        in_cross_table=True,
        on_request=True,
        reads_all=True,
        # Without patience: the last epochs are part of the method.
        budget=lambda config: (config.full_data_budget(), 0),
    )
)
