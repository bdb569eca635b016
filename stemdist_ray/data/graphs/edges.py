"""Graphs as rows of edges: ``from,to[,cost]``.

Axis letters: N locations, E edges.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import GraphKind
from stemdist_ray.data.graphs.entries import DISTANCES, WEIGHTS, GraphEntries, told_by
from stemdist_ray.data.graphs.ids import GraphIds, Rows, number_in
from stemdist_ray.errors import DataError

FROM = ("from", "source", "src", "start", "origin")
TO = ("to", "target", "dst", "dest", "destination", "end")
_MOST_EDGES = 50_000_000  # rows of a file; 24 bytes each are held


class GraphEdges:
    """A file of edges.

    Args:
        path: The file.
        location_ids: N ids.
        first: Its first row: names or an edge.
    """

    def __init__(self, path: Path, location_ids: Sequence[str], first: list[str]) -> None:
        self.path, self.ids, self.first = path, GraphIds(location_ids), first
        lower = [cell.lower() for cell in first]
        start, end = (next((lower.index(n) for n in k if n in lower), None) for k in (FROM, TO))
        self.named = start is not None and end is not None
        self.start, self.end = (start, end) if start is not None and end is not None else (0, 1)
        self.value, self.told, self.what = self._numbers(lower)
        if self.value is not None and not self.named:
            self.named = number_in(first[self.value]) is None

    def _numbers(self, lower: list[str]) -> tuple[int | None, GraphKind | None, str]:
        """The column of numbers, what its name tells, and what it is called in messages."""
        told = [at for at, name in enumerate(lower) if name in (*DISTANCES, *WEIGHTS)]
        if len(told) > 1:
            names = ", ".join(self.first[at] for at in told)
            raise DataError(f"{self.path}: columns {names} all hold distances or weights; keep one")
        if told:
            return told[0], told_by(lower[told[0]]), f"column {self.first[told[0]]!r}"
        others = [at for at in range(len(lower)) if at not in (self.start, self.end)]
        if len(others) > 1:
            raise DataError(
                f"{self.path}: none of the columns {', '.join(self.first)} is called weight or "
                "distance; expected from,to[,cost or weight]"
            )
        if not others:
            return None, "weights", "each edge, of weight 1,"
        name = self.first[others[0]]
        what = f"column {name!r}" if number_in(name) is None else "the third column"
        return others[0], None, what

    def read(self, rows: Rows) -> GraphEntries:
        """Read the other rows."""
        names: dict[str, int] = {}  # in the order in which the file first has them
        pairs, values = array("q"), array("d")
        if not self.named:
            rows = itertools.chain([self.first], rows)
        for number, row in enumerate(rows, 1 + self.named):
            if len(row) != len(self.first):
                raise DataError(
                    f"{self.path}: row {number} has {len(row)} fields, the first one "
                    f"{len(self.first)}"
                )
            if len(values) >= _MOST_EDGES:
                raise DataError(
                    f"{self.path}: holds more than {_MOST_EDGES:,} edges; give the graph as "
                    "scipy.sparse.save_npz"
                )
            for cell in (row[self.start], row[self.end]):
                pairs.append(names.setdefault(cell, len(names)))
            value = 1.0 if self.value is None else number_in(row[self.value])
            if value is None:
                assert self.value is not None
                raise DataError(
                    f"{self.path}: row {number}: {self.what} holds {row[self.value]!r}; expected "
                    "a number"
                )
            values.append(value)
        if not values:
            raise DataError(f"{self.path}: holds no edges")
        places = self._places(list(names))
        ends = places[np.frombuffer(pairs, np.int64).reshape(-1, 2)]
        known = (ends >= 0).all(axis=1)
        return self._once(
            ends[known], np.frombuffer(values, np.float64)[known], int((~known).sum())
        )

    def _places(self, names: list[str]) -> npt.NDArray[np.int64]:
        """Position of every name, -1 where it is none of the locations'."""
        wanted = range(len(self.ids.ids))
        found = [self.ids.place(name) for name in names]
        named = set(found)
        if not named >= set(wanted):
            numbered = [self.ids.position(name) for name in names]
            if set(numbered) == set(wanted):
                found = numbered
            else:
                lacking = [self.ids.ids[at] for at in wanted if at not in named]
                raise DataError(
                    f"{self.path}: lacks {len(lacking)} of {len(wanted)} locations, e.g. "
                    f"{lacking[0]!r} (it names e.g. {names[0]!r}); a location without neighbours "
                    "gets an edge to itself"
                )
        return np.array([-1 if at is None else at for at in found], np.int64)

    def _once(
        self, ends: npt.NDArray[np.int64], values: npt.NDArray[np.float64], left_out: int
    ) -> GraphEntries:
        """Edges that are written twice are one."""
        count = len(self.ids.ids)
        keys, first, which = np.unique(
            ends[:, 0] * count + ends[:, 1], return_index=True, return_inverse=True
        )
        other = np.flatnonzero(~(values == values[first][which]) & ~np.isnan(values))
        if len(other):
            start, end = (self.ids.ids[at] for at in ends[other[0]])
            raise DataError(
                f"{self.path}: the edge from {start!r} to {end!r} stands there with "
                f"{values[first][which][other[0]]:g} and with {values[other[0]]:g}; keep one"
            )
        return GraphEntries(
            count,
            keys // count,
            keys % count,
            values[first],
            self.told,
            self.what,
            left_out=left_out,
            is_matrix=False,
        )
