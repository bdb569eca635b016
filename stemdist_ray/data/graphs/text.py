"""Graphs as text: edges or a square matrix, told apart by their first row."""

from __future__ import annotations

import csv
import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.graphs.edges import FROM, TO, GraphEdges
from stemdist_ray.data.graphs.entries import GraphEntries
from stemdist_ray.data.graphs.matrix import GraphMatrix
from stemdist_ray.data.readers.text import commonest_separator, opened_text
from stemdist_ray.errors import DataError


def read_graph_csv(path: Path, location_ids: Sequence[str]) -> GraphEntries:
    """Read edges or a matrix.

    Ids are compared as text, leading zeros do not count; where they are not those of the series,
    they may be the positions 0 to N - 1.

    Args:
        path: The file; its ending tells how it is compressed.
        location_ids: N ids.

    Raises:
        DataError: It is neither, is for other locations, or is damaged.
    """
    try:
        with opened_text(path, ReadConfig()) as file:
            line = file.readline()
            separator = commonest_separator(line)
            lines = itertools.chain([line], file)
            rows = (row for row in csv.reader(lines, delimiter=separator) if row)
            first = [cell.strip() for cell in next(rows, [])]
            if _is_edges(first, len(location_ids), path):
                return GraphEdges(path, location_ids, first).read(rows)
            return GraphMatrix(path, location_ids, first).read(rows)
    except (OSError, csv.Error, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {' '.join(str(error).split())}") from error
    except DataError as error:
        if "data.read.encoding" in str(error):  # which is for the series
            raise DataError(f"{path}: not a text file in UTF-8; save the graph as one") from error
        raise


def _is_edges(first: list[str], count: int, path: Path) -> bool:
    """Whether a file with this first row holds edges and not a matrix.

    Raises:
        DataError: It may hold either, or neither.
    """
    names = {cell.lower() for cell in first}
    if names & {*FROM} and names & {*TO}:
        return True
    could_be_matrix = len(first) in (count, count + 1)
    could_be_edges = len(first) in (2, 3)
    if could_be_edges and could_be_matrix:
        raise DataError(
            f"{path}: {len(first)} columns may be edges or a matrix of {count} locations; write "
            "from,to,weight above edges, or give the matrix as .npy"
        )
    if not could_be_edges and not could_be_matrix:
        raise DataError(
            f"{path}: expected edges as from,to[,cost or weight] or a square matrix of {count} "
            f"locations; found {len(first)} columns"
        )
    return could_be_edges
