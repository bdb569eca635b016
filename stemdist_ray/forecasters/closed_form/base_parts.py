"""What a base is put together from: groups of locations, calendar columns, parts of the weights.

Axis letters: H horizon, N locations, G groups, D inputs of the map.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from stemdist_ray.clustering.kmeans import cluster_locations
from stemdist_ray.clustering.vectors import location_vectors, vector_width
from stemdist_ray.config import ClusteringConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.forecasters.closed_form.base_model import PARTS

_GROUPS = 16  # more or fewer changed little on any data set tried, one group cost up to 2 %
_VECTOR_STEPS = 2048  # steps that locations are grouped by, at most


def calendar_columns(source: PreparedSource) -> tuple[int, ...]:
    """Positions of the calendar columns that the profile does not hold already.

    Time of day and day type are in the profile of a series whose season is the day; as columns
    besides they made the base worse on every data set tried.
    """
    told = {"day": ("time_of_day", "day_of_week", "weekend"), "week": ("day_of_week", "weekend")}
    told["year"] = ("time_of_year",)
    known = told.get(source.season.unit, ())
    names = source.calendar.columns
    return tuple(i for i, name in enumerate(names) if not name.startswith(known or ("-",)))


def no_groups(source: PreparedSource) -> npt.NDArray[np.float32]:
    """Membership where there are no groups: (N, 0)."""
    return np.zeros((source.windows.num_locations, 0), np.float32)


def group_locations(source: PreparedSource, seed: int) -> npt.NDArray[np.float32]:
    """Groups of locations that move alike: (N, G) ones and zeros."""
    locations = source.windows.num_locations
    groups = min(_GROUPS, locations // 2)
    if groups < 2:
        return no_groups(source)
    starts = source.starts["train"]
    columns = evenly_spaced(vector_width(source.windows, starts), _VECTOR_STEPS)
    vectors = location_vectors(source.windows, starts, columns)
    clustering = cluster_locations(vectors, groups, ClusteringConfig(), seed)
    return np.eye(groups, dtype=np.float32)[clustering.assignment]


def split_weights(
    weights: npt.NDArray[np.float32], like: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Cut (H, D) weights into the parts of a base."""
    parts, first = {}, 0
    for part in PARTS:
        if part in like:
            size = like[part].shape[1]
            parts[part] = np.ascontiguousarray(weights[:, first : first + size])
            first += size
    return parts
