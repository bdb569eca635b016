"""Whether the tables of a data set fit each other, whoever wrote them.

Axis letters: W windows, L lookback, H horizon, K synthetic locations, N real locations, F features,
C calendar columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stemdist_ray.errors import ArtifactError

if TYPE_CHECKING:
    from stemdist_ray.artifact.dataset import SyntheticDataset


def check_dataset(dataset: SyntheticDataset, where: Path) -> None:
    """Make sure that the arrays of a data set fit each other and its manifest.

    Raises:
        ArtifactError: They do not; the message begins with ``where``.
    """
    size, calendar = dataset.manifest.size, dataset.known.calendar
    sizes = {
        "W": size.windows,
        "L": size.lookback,
        "H": size.horizon,
        "K": size.locations,
        "N": size.real_locations,
        "F": len(dataset.manifest.scaler.features),
        "F+C": size.features,
        "C": 0 if calendar is None else calendar.shape[-1],
        "2": 2,
    }
    arrays = {
        "x: W L K F": dataset.x,
        "y: W H K": dataset.y,
        "calendar: W L C": calendar,
        "base_offset: W H K": dataset.known.offset,
        "weight: W": dataset.known.weights,
        "cluster_size: K": dataset.cluster_size,
        "medoids: K": dataset.medoids,
        "weights: K": dataset.weights,
        "assignment: N": dataset.assignment,
        "ids: N": np.array(dataset.location_ids, dtype=np.str_),
        "coordinates: N 2": dataset.coordinates,
        "mean_window: N L F+C": dataset.mean_window,
    }
    check_shapes(arrays, sizes, str(where))
    check_clusters(dataset.assignment, dataset.cluster_size, dataset.medoids, str(where))


def check_shapes(
    arrays: Mapping[str, npt.NDArray[Any] | None], sizes: Mapping[str, int], where: str
) -> None:
    """Make sure that arrays have the sizes that were written down.

    Args:
        arrays: By name and axes, as in ``"x: W L K F"``; None = not there.
        sizes: Of the axes, by letter.
        where: What they belong to.

    Raises:
        ArtifactError: One has another shape.
    """
    for title, array in arrays.items():
        name, axes = title.split(": ")
        expected = tuple(sizes[letter] for letter in axes.split())
        if array is not None and array.shape != expected:
            raise ArtifactError(
                f"{where} is damaged: {name} has the shape {array.shape}, expected {expected} "
                f"({axes}); restore it, or distil again"
            )


def check_clusters(
    assignment: npt.NDArray[Any],
    cluster_size: npt.NDArray[Any],
    medoids: npt.NDArray[Any] | None,
    where: str,
) -> None:
    """Make sure that clusters are what the locations are assigned to.

    Args:
        assignment: (N,) cluster of each location.
        cluster_size: (K,) locations of each cluster.
        medoids: (K,) a location of each cluster, or None.
        where: What they belong to.

    Raises:
        ArtifactError: They contradict each other.
    """
    count, within = len(cluster_size), True
    for values, below in ((assignment, count), (medoids, len(assignment))):
        if values is not None and len(values):
            within &= bool(values.min() >= 0 and values.max() < below)
    if not within or not np.array_equal(np.bincount(assignment, minlength=count), cluster_size):
        raise ArtifactError(
            f"{where} is damaged: its clusters are not those that its {len(assignment)} locations "
            "are assigned to; restore it, or distil again"
        )
