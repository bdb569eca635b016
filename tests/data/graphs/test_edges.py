import numpy as np
import pytest

from stemdist_ray.data.graphs import edges as edges_module
from stemdist_ray.data.graphs import read_graph
from stemdist_ray.data.location_graph import gaussian_weights
from stemdist_ray.errors import DataError

IDS = ("0773869", "767541", "767542", "717447", "5")


@pytest.fixture
def read(tmp_path):
    def read(text, kind=None, ids=IDS):
        (tmp_path / "g.csv").write_text(text)
        return read_graph(tmp_path / "g.csv", ids, kind)

    return read


@pytest.fixture
def refused(read):
    def refused(text, words, **options):
        with pytest.raises(DataError, match=words) as error:
            read(text, **options)
        assert "\n" not in str(error.value)

    return refused


def test_costs_by_sensor_as_dcrnn_has_them(read):
    """Ids in text, rows of sensors that are not in the data, distances to oneself."""
    graph = read(
        "from,to,cost\n773869,773869,0\n773869,767541,300\n767541,00767542,450.5\n"
        "999,767541,17\n717447,717447,0.0\n5,999,3\n5,767541,9000\n767542,767541,700\n"
    )
    distances = np.array([0, 300, 450.5, 0, 9000, 700])
    wanted, sigma = gaussian_weights(distances)
    dense = graph.weights.toarray()
    assert wanted[4] == 0
    found = [dense[0, 0], dense[0, 1], dense[1, 2], dense[3, 3], dense[4, 1], dense[2, 1]]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert dense[1, 0] == 0  # directed
    assert graph.num_edges == 5
    assert f"sigma {sigma:g}; 1 below 0.1 dropped" in graph.about
    assert graph.about.endswith("2 rows name other locations and are left out")


def test_positions_as_pems_has_them(read):
    graph = read("from,to,cost\n0,1,3\n1,2,40\n4,3,5\n")
    rows, columns = graph.weights.nonzero()
    assert list(zip(rows, columns, strict=True)) == [(0, 1), (4, 3)]


def test_weights_names_in_any_order_and_an_index(read):
    graph = read(",to,Weight,from\n0,1,0.5,0\n1,2,7,1\n2,4,1,3\n")
    dense = graph.weights.toarray()
    assert (dense[0, 1], dense[1, 2], dense[3, 4]) == (0.5, 7, 1)
    assert graph.num_edges == 3


def test_edges_alone_have_weight_1(read):
    for text in (
        "from,to\n0,1\n2,3\n4,0\n",
        "0,1\n2,3\n4,0\n",
        "773869,767541\n5,717447\n767542,5\n",
    ):
        graph = read(text)
        assert graph.num_edges == 3
        assert set(graph.weights.data) == {1.0}


def test_a_column_without_a_telling_name_is_asked_for(read, refused):
    refused("0,1,0.5\n2,3,1\n4,0,1\n", "third column holds weights or distances")
    refused("from,to,km\n0,1,0.5\n2,3,1\n4,0,1\n", "column 'km' holds weights or distances")
    assert read("0,1,0.5\n2,3,1\n4,0,1\n", "weights").num_edges == 3
    assert read("from,to,km\n0,1,0.5\n2,3,1\n4,0,1\n", "weights").num_edges == 3
    refused("from,to,cost,weight\n0,1,1,1\n", "cost, weight all hold")
    refused("from,to,km,miles\n0,1,1,1\n", "none of the columns")


def test_locations_that_are_missing(read, refused):
    refused("from,to,weight\n773869,767541,1\n767542,717447,1\n", "lacks 1 of 5 .* '5'")
    refused("from,to,weight\n0,1,1\n2,3,1\n", "lacks 5 of 5 locations, e.g. '0773869'")
    refused("from,to,weight\n0,1,1\n2,3,1\n4,5,1\n", "lacks")  # six positions
    assert read("from,to,weight\n0,1,1\n2,3,1\n4,4,1\n").num_edges == 3


def test_edges_that_stand_there_twice(read, refused):
    assert read("from,to,weight\n0,1,1\n2,3,1\n4,0,1\n0,1,1.0\n").num_edges == 3
    refused("from,to,weight\n0,1,1\n2,3,1\n4,0,1\n0,1,2\n", "with 1 and with 2; keep one")


def test_rows_that_are_none(refused, monkeypatch):
    refused("from,to,weight\n", "no edges")
    refused("from,to,weight\n0,1,1\n0,1\n", "row 3 has 2 fields, the first one 3")
    refused("from,to,weight\n0,1,x\n", "row 2: column 'weight' holds 'x'; expected a number")
    refused("from,to,weight\n0,1,\n2,3,1\n4,0,1\n", "no numbers")
    refused("from,to,weight\n0,1,-2\n2,3,1\n4,0,1\n", "negative")
    refused("from,to,weight\n0,1,0\n2,3,0\n4,0,0\n", "no edge between two")
    monkeypatch.setattr(edges_module, "_MOST_EDGES", 2)
    refused("from,to,weight\n0,1,1\n2,3,1\n4,0,1\n", "more than 2 edges")
