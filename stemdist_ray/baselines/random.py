"""Random windows of random locations."""

from __future__ import annotations

import numpy as np

from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.selection import location_features, nearest, selected
from stemdist_ray.seeding import numpy_generator


def random_windows(work: MethodWork) -> Made:
    """Draw windows and locations without replacement; all of them count the same."""
    real, rng = work.real, numpy_generator(work.config.seed, "random subset")
    starts = np.sort(rng.choice(real.starts, work.num_windows, replace=False))
    count = real.windows.num_locations
    locations = np.sort(rng.choice(count, work.num_locations, replace=False))
    assignment = nearest(location_features(work), locations)
    return selected(work, starts, locations, assignment, even=True)


register_method(
    Method(
        name="random",
        summary="random windows of random locations",
        source="the control of every study of data sets of this size",
        make=random_windows,
    )
)
