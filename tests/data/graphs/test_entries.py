import numpy as np
import pytest
from scipy import sparse

from stemdist_ray.data.graphs.entries import GraphEntries, told_by


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Cost", "distances"),
        (" dist ", "distances"),
        ("length", "distances"),
        ("adj_mx", "weights"),
        ("weight", "weights"),
        ("x", None),
        ("", None),
    ],
)
def test_what_names_tell(name, told):
    assert told_by(name) == told


def test_a_full_matrix_keeps_its_diagonal_and_what_is_not_zero():
    matrix = np.array([[0, 2, np.nan], [0, 1, np.inf], [0, 0, 0]])
    entries = GraphEntries.of_matrix(matrix, None, "it")
    places = set(zip(entries.rows.tolist(), entries.columns.tolist(), strict=True))
    assert places == {(0, 1), (0, 2), (1, 1), (1, 2), (0, 0), (2, 2)}
    np.testing.assert_array_equal(entries.values, matrix[entries.rows, entries.columns])
    assert entries.written_out


def test_a_sparse_one_has_what_is_stored():
    entries = GraphEntries.of_sparse(
        sparse.coo_array(([0.0, 2.0], ([0, 1], [2, 0])), (3, 3)), None, "it"
    )
    assert (entries.rows.tolist(), entries.columns.tolist()) == ([0, 1], [2, 0])
    assert entries.values.tolist() == [0, 2]
    assert not entries.written_out
