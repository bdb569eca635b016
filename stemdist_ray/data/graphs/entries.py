"""From the numbers of a graph file to weights: are they weights or distances, and are they sound?

Axis letters: N locations, E entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from stemdist_ray.config import GraphKind
from stemdist_ray.data.location_graph import SMALLEST_WEIGHT, LocationGraph, gaussian_weights
from stemdist_ray.errors import DataError

DISTANCES = ("cost", "distance", "distances", "dist", "length")
WEIGHTS = ("weight", "weights", "adj", "adjacency", "adj_mx")


def told_by(name: str) -> GraphKind | None:
    """What the name of a column or array says about its numbers, None where it says nothing."""
    plain = name.strip().lower()
    if plain in DISTANCES:
        return "distances"
    return "weights" if plain in WEIGHTS else None


@dataclass(frozen=True)
class GraphEntries:
    """What a file says of pairs of locations.

    Args:
        count: N.
        rows: (E,) where edges begin.
        columns: (E,) where they end.
        values: (E,) float64, as the file has them.
        told: What their name says they are.
        what: What holds them, for messages.
        written_out: Whether pairs that have nothing to do with each other have an entry, too.
        left_out: Rows of the file that name other locations.
        is_matrix: Whether numbers from 0 to 1 are weights without being called so.
    """

    count: int
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    told: GraphKind | None
    what: str
    written_out: bool = False
    left_out: int = 0
    is_matrix: bool = True

    @classmethod
    def of_matrix(cls, matrix: npt.NDArray[Any], told: GraphKind | None, what: str) -> GraphEntries:
        """Those of a full (N, N) matrix; zeros off the diagonal are kept in mind, not stored."""
        # Infinities and NaN are not zero, so they are among the entries.
        rows, columns = np.nonzero(matrix)
        own = np.flatnonzero(matrix.diagonal() == 0)  # a distance of 0 to oneself is one
        values = matrix[rows, columns].astype(np.float64)
        return cls(
            len(matrix),
            np.concatenate([rows, own]).astype(np.int64),
            np.concatenate([columns, own]).astype(np.int64),
            np.concatenate([values, np.zeros(len(own))]),
            told,
            what,
            written_out=True,
        )

    @classmethod
    def of_sparse(cls, matrix: Any, told: GraphKind | None, what: str) -> GraphEntries:
        """Those that a sparse (N, N) matrix stores."""
        places = matrix.tocoo()
        rows, columns = places.row.astype(np.int64), places.col.astype(np.int64)
        return cls(matrix.shape[0], rows, columns, places.data.astype(np.float64), told, what)


def graph_of_entries(
    entries: GraphEntries, path: Path, kind: GraphKind | None, setting: str
) -> LocationGraph:
    """Turn entries into weights.

    Args:
        entries: As read.
        path: The file, for messages.
        kind: What they are; None = what is plain to see.
        setting: What the caller calls ``kind``.

    Raises:
        DataError: They are neither weights nor distances, or it is not plain which.
    """
    values, what = entries.values, entries.what
    if np.isnan(values).any():
        raise DataError(
            f"{path}: {what} holds {int(np.isnan(values).sum())} entries that are no numbers; "
            "leave such edges out, or write 0 for no edge (inf between distances)"
        )
    if (values < 0).any():
        raise DataError(
            f"{path}: {what} holds negative numbers, e.g. {values.min():g}; weights and distances "
            "are 0 or more"
        )
    kind = kind or entries.told or _seen(entries, path, setting)
    if kind == "distances":
        weights, how = _of_distances(entries, path)
    else:
        if np.isinf(values).any():
            raise DataError(f"{path}: {what} holds infinite weights; give numbers, 0 for no edge")
        weights, how = values, "weights as they are"
    places = (entries.rows, entries.columns)
    graph = LocationGraph.of(sparse.coo_array((weights, places), shape=(entries.count,) * 2))
    joined = graph.weights.tocoo()
    if entries.count > 1 and not (joined.row != joined.col).any():
        raise DataError(
            f"{path}: {what} gives no edge between two different locations ({how}); a graph needs "
            "some"
        )
    if not np.isfinite(joined.data).all():
        raise DataError(f"{path}: {what} holds weights beyond the range of float32; scale them")
    about = f"{path.name}: {graph.num_edges} edges between {entries.count} locations, {how}"
    if entries.left_out:
        about += f"; {entries.left_out} rows name other locations and are left out"
    return LocationGraph(graph.weights, about)


def _seen(entries: GraphEntries, path: Path, setting: str) -> GraphKind:
    if entries.is_matrix and (entries.values <= 1).all():
        return "weights"
    raise DataError(
        f"{path}: nothing tells whether {entries.what} holds weights or distances (a name, or a "
        f"matrix from 0 to 1, would); say so by {setting} = weights or distances"
    )


def _of_distances(entries: GraphEntries, path: Path) -> tuple[npt.NDArray[np.float64], str]:
    near = np.isfinite(entries.values)
    rows, columns = entries.rows, entries.columns
    if entries.written_out:
        others = np.count_nonzero(rows != columns)
        if others < entries.count * (entries.count - 1):
            raise DataError(
                f"{path}: {entries.what} holds distances of 0 between different locations, which "
                "may mean no road or the same place; write inf for no road, or give the edges "
                "alone as from,to,distance in a CSV"
            )
    weights = np.zeros_like(entries.values)
    weights[near], sigma = gaussian_weights(entries.values[near])
    if not weights[rows != columns].any():
        least, most = (f(entries.values[near]) if near.any() else np.inf for f in (np.min, np.max))
        raise DataError(
            f"{path}: the distances of {entries.what} (from {least:g} to {most:g}) differ by "
            f"{sigma:g} (standard deviation), and the Gaussian kernel exp(-(d/{sigma:g})^2) leaves "
            "no edge between different locations; give weights, or edges alone (from,to)"
        )
    dropped = np.count_nonzero(weights[near] == 0)
    kernel = f"Gaussian kernel, sigma {sigma:g}; {dropped} below {SMALLEST_WEIGHT} dropped"
    return weights, f"weights from distances ({kernel})"
