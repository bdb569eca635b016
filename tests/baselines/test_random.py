import numpy as np

from stemdist_ray.baselines.method import MethodOptions, MethodWork
from stemdist_ray.baselines.random import random_windows
from stemdist_ray.distillation.validation import real_data


def test_windows_and_locations_are_drawn_anew_with_every_seed(based, based_config):
    made = [
        random_windows(
            MethodWork(
                real_data(based, based_config),
                based_config.model_copy(update={"seed": seed}),
                MethodOptions(),
            )
        )
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(made[0].clustering.medoids, made[1].clustering.medoids)
    assert not np.array_equal(made[0].state.x, made[2].state.x)
    assert len(np.unique(made[0].clustering.medoids)) == made[0].state.num_locations
