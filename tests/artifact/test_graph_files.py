import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemdist_ray.artifact.graph_files import load_graph, save_graph
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.errors import ArtifactError


@pytest.fixture
def graph(rng):
    return LocationGraph.of(rng.random((5, 5)) * (rng.random((5, 5)) < 0.5), "a file: 9 edges")


def test_round_trip(graph, tmp_path):
    save_graph(tmp_path, graph)
    again = load_graph(tmp_path, 5)
    np.testing.assert_array_equal(again.weights.toarray(), graph.weights.toarray())
    assert (again.digest(), again.about) == (graph.digest(), graph.about)


def test_damage_is_reported(graph, tmp_path):
    def refused(locations=5):
        with pytest.raises(ArtifactError, match="graph in .* is missing or damaged") as error:
            load_graph(tmp_path, locations)
        assert "\n" not in str(error.value)

    refused()
    save_graph(tmp_path, graph)
    refused(6)
    refused(4)
    table = pq.read_table(tmp_path / "graph.parquet")
    for name, values in (
        ("weight", pa.array(2 * table["weight"].to_numpy())),
        ("to", pa.array(9 + table["to"].to_numpy())),
        ("from", pa.array(-1 - table["from"].to_numpy())),
        ("weight", pa.array(["x"] * len(table))),
    ):
        at = table.column_names.index(name)
        pq.write_table(table.set_column(at, name, values), tmp_path / "graph.parquet")
        refused()
    pq.write_table(table.drop_columns(["to"]), tmp_path / "graph.parquet")
    refused()
    (tmp_path / "graph.parquet").write_bytes(b"x")
    refused()
    save_graph(tmp_path, graph)
    about = json.loads((tmp_path / "graph.json").read_text())
    (tmp_path / "graph.json").write_text(json.dumps({**about, "hash": "0"}))
    refused()
    (tmp_path / "graph.json").write_text("[]")
    refused()
