"""A given graph on disk: a Parquet table of edges and a page of JSON, no pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from stemdist_ray.artifact.tensors import write_table
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.files import read_json, write_json

ABOUT, EDGES = "graph.json", "graph.parquet"


def save_graph(folder: Path, graph: LocationGraph) -> None:
    """Write a row per edge, ``from``, ``to`` (positions of locations) and ``weight``.

    ``graph.json`` says how many locations there are, where the graph came from, and its hash.
    """
    edges = graph.weights.tocoo()
    table = pa.table(
        {
            "from": pa.array(edges.row, pa.int64()),
            "to": pa.array(edges.col, pa.int64()),
            "weight": pa.array(edges.data, pa.float32()),
        }
    )
    write_table(folder / EDGES, table)
    about = {"locations": graph.num_locations, "about": graph.about, "hash": graph.digest()}
    write_json(folder / ABOUT, about)


def load_graph(folder: Path, locations: int) -> LocationGraph:
    """Read a graph.

    Args:
        folder: Where :func:`save_graph` wrote.
        locations: N, which it must be for.

    Raises:
        ArtifactError: It is missing, damaged, or for other locations.
    """
    try:
        about = read_json(folder / ABOUT)
        table = pq.read_table(folder / EDGES)
        row, column = (table[name].to_numpy().astype(np.int64) for name in ("from", "to"))
        weight = table["weight"].to_numpy().astype(np.float32)
        shape = (locations, locations)  # places outside are an error here
        graph = LocationGraph.of(sparse.coo_array((weight, (row, column)), shape), about["about"])
        found = graph.digest()
        if about["locations"] != locations or about["hash"] != found:
            raise ValueError(
                f"it has {about['locations']} locations and the hash {about['hash']}; expected "
                f"{locations} and {found}"
            )
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise ArtifactError(
            f"the graph in {folder} is missing or damaged: {error}; train again"
        ) from error
    return graph
