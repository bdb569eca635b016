import numpy as np

from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.baselines.rows.st_prune import pruned_data


def test_the_first_epoch_is_every_window_at_every_location(material):
    row = pruned_data(material, 0)
    steps = list(row.data.epoch(np.random.default_rng(0)))
    assert sum(len(step.x) for step in steps) == len(material.source.starts["train"])
    assert {step.x.shape[2] for step in steps} == {material.source.windows.num_locations}


def test_settings_are_those_of_the_evaluation(material):
    config = material.config
    data = pruned_data(material, 0).data
    assert (data.share, data.epochs, data.last) == (0.5, config.full_data_epochs, 1)
    budget, patience = ROWS.get("st_prune").budget(config)
    assert (budget.epochs, patience) == (config.full_data_epochs, 0)
