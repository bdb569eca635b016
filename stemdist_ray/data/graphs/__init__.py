"""Files that hold a graph between locations: edges, adjacency or distances."""

from stemdist_ray.data.graphs.file import read_graph

__all__ = ["read_graph"]
