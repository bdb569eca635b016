import numpy as np
import pandas as pd
import pytest

from stemdist_ray.data.graphs import read_graph
from stemdist_ray.errors import DataError

IDS = ("0773869", "767541", "767542", "717447", "5")


@pytest.fixture
def weights(rng):
    return np.round(rng.random((5, 5)), 3)


def read(path, ids=IDS, kind=None):
    return read_graph(path, ids, kind).weights.toarray()


def test_with_and_without_ids_in_any_order(tmp_path, weights):
    path, wanted = tmp_path / "g.csv", weights.astype(np.float32)
    own = pd.DataFrame(weights, index=IDS, columns=IDS)
    mixed = own.iloc[[3, 1, 0, 4, 2], [2, 0, 4, 1, 3]]
    for table in (own, mixed):
        table.to_csv(path)
        np.testing.assert_array_equal(read(path), wanted)
    own.to_csv(path, index=False)
    np.testing.assert_array_equal(read(path), wanted)
    own.to_csv(path, header=False)
    np.testing.assert_array_equal(read(path), wanted)
    own.to_csv(path, header=False, index=False)
    np.testing.assert_array_equal(read(path), wanted)
    # One order serves rows and columns where only one of them is named.
    order = [3, 1, 0, 4, 2]
    own.iloc[order, order].to_csv(path, index=False)
    np.testing.assert_array_equal(read(path), wanted)
    own.iloc[order, order].to_csv(path, header=False)
    np.testing.assert_array_equal(read(path), wanted)
    pd.DataFrame(weights).to_csv(path)  # positions
    np.testing.assert_array_equal(read(path), wanted)
    path.write_text("\n".join([",".join(IDS), *own.to_csv(header=False).splitlines()]))  # as R does
    np.testing.assert_array_equal(read(path), wanted)


def test_numbers_that_could_be_positions(tmp_path):
    """The first row of steps along a line is 0, 1, 2, ...: numbers, as their count tells."""
    steps = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    np.savetxt(tmp_path / "g.csv", steps, delimiter=",", fmt="%d")
    np.testing.assert_array_equal(read(tmp_path / "g.csv", kind="weights"), steps)


def test_other_shapes_and_numbers(tmp_path, weights):
    path = tmp_path / "g.csv"

    def refused(words):
        with pytest.raises(DataError, match=words) as error:
            read(path)
        assert "\n" not in str(error.value)

    np.savetxt(path, weights[:4], delimiter=",")
    refused("4 rows of numbers; expected 5")
    np.savetxt(path, np.vstack([weights, weights]), delimiter=",")
    refused("row 6 has 5 fields; expected 5 rows of 5")
    path.write_text("1,0,0,0,1\n1,1\n")
    refused("row 2 has 2 fields")
    pd.DataFrame(weights, columns=[*IDS[:4], "x"]).to_csv(path, index=False)
    refused("the first row must name each of the 5 locations once")
    pd.DataFrame(weights, index=[*IDS[:4], "x"]).to_csv(path, header=False)
    refused("the first column must name")
    path.write_text("1,0,0,0,1\n1,1,x,1,1\n")
    refused("row 2 holds 'x'; expected numbers")
    np.savetxt(path, 3 * weights, delimiter=",")
    refused("nothing tells whether the matrix holds weights or distances")
