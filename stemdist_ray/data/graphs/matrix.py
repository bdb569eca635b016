"""Graphs as a square matrix of text, with or without ids.

Axis letter: N locations.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.graphs.entries import GraphEntries
from stemdist_ray.data.graphs.ids import GraphIds, Rows, number_in
from stemdist_ray.errors import DataError


class GraphMatrix:
    """A square matrix as text.

    Args:
        path: The file.
        location_ids: N ids.
        first: Its first row: ids or numbers.
    """

    def __init__(self, path: Path, location_ids: Sequence[str], first: list[str]) -> None:
        self.path, self.ids, self.first = path, GraphIds(location_ids), first

    def read(self, rows: Rows) -> GraphEntries:
        """Read the other rows."""
        count, header = len(self.ids.ids), self._header()
        before = 1  # the rows in front of those of numbers
        if header is None:
            rows, before = itertools.chain([self.first], rows), 0
        matrix, names = self._all_rows(rows, before)
        if header is not None and len(names) == count - 1 and self._is_numbers():
            # Its first row holds numbers that might have been those of the columns.
            return self._again(matrix, names)
        if len(names) != count:
            raise DataError(
                f"{self.path}: {len(names)} rows of numbers; expected {count} (locations)"
            )
        return self._entries(matrix, names, header)

    def _all_rows(self, rows: Rows, before: int) -> tuple[npt.NDArray[np.float64], list[list[str]]]:
        """The numbers of up to N rows, (N, N), and what stands in front of each row."""
        count, width = len(self.ids.ids), len(self.first)
        matrix, names = np.empty((count, count), np.float64), list[list[str]]()
        for row in rows:
            # The names of columns may lack the corner above those of the rows.
            if before and not names and len(row) == count + 1:
                width = count + 1
            number = len(names) + 1 + before
            if len(row) != width or len(names) == count:
                raise DataError(
                    f"{self.path}: row {number} has {len(row)} fields; expected {count} rows of "
                    f"{width} for {count} locations"
                )
            matrix[len(names)] = self._numbers(row[width - count :], number)
            names.append(row[: width - count])
        return matrix, names

    def _again(self, matrix: npt.NDArray[np.float64], names: list[list[str]]) -> GraphEntries:
        count = len(self.ids.ids)
        front = len(self.first) - count
        matrix[1:] = matrix[:-1].copy()
        matrix[0] = self._numbers(self.first[front:], 1)
        return self._entries(matrix, [self.first[:front], *names], None)

    def _entries(
        self,
        matrix: npt.NDArray[np.float64],
        names: list[list[str]],
        across: npt.NDArray[np.int64] | None,
    ) -> GraphEntries:
        """Rows and columns in the order of the locations; one order serves both."""
        down = across
        if names[0]:
            down = self.ids.places([name for (name,) in names], "the first column", self.path)
        if across is None:
            across = down
        if across is not None and down is not None:
            ordered = np.empty_like(matrix)
            ordered[np.ix_(down, across)] = matrix
            matrix = ordered
        return GraphEntries.of_matrix(matrix, None, "the matrix")

    def _is_numbers(self) -> bool:
        cells = self.first[len(self.first) - len(self.ids.ids) :]
        return None not in [number_in(cell) for cell in cells]

    def _header(self) -> npt.NDArray[np.int64] | None:
        """Positions of the columns, None where the first row holds numbers of the matrix."""
        cells = self.first[len(self.first) - len(self.ids.ids) :]
        try:
            return self.ids.places(cells, "the first row", self.path)
        except DataError:
            if self._is_numbers():
                return None  # and not those of the locations
            raise

    def _numbers(self, cells: list[str], number: int) -> list[float]:
        values = [number_in(cell) for cell in cells]
        if None in values:
            found = cells[values.index(None)]
            raise DataError(f"{self.path}: row {number} holds {found!r}; expected numbers")
        return [value for value in values if value is not None]
