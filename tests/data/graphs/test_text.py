import gzip

import numpy as np
import pytest

from stemdist_ray.data.graphs import read_graph
from stemdist_ray.errors import DataError

IDS = ("0773869", "767541", "767542", "717447", "5")


def refused(path, words, ids=IDS):
    with pytest.raises(DataError, match=words) as error:
        read_graph(path, ids)
    assert "\n" not in str(error.value)


def test_edges_and_matrices_are_told_apart(tmp_path):
    (tmp_path / "e.csv").write_text("from,to,weight\n0,1,0.5\n1,2,1\n2,3,1\n3,4,1\n")
    np.savetxt(tmp_path / "m.csv", np.eye(5, k=1) * [1, 0.5, 1, 1, 1], delimiter=",", fmt="%g")
    one, two = (read_graph(tmp_path / n, IDS).weights.toarray() for n in ("e.csv", "m.csv"))
    np.testing.assert_array_equal(one, two)
    (tmp_path / "x.csv").write_text("1,2,3,4\n")
    refused(tmp_path / "x.csv", "a square matrix of 5 locations; found 4 columns")
    (tmp_path / "x.csv").write_text("")
    refused(tmp_path / "x.csv", "found 0 columns")
    # Three columns for three locations may be either.
    (tmp_path / "x.csv").write_text("0,1,1\n1,0,1\n0,1,0\n")
    refused(tmp_path / "x.csv", "may be edges or a matrix of 3", ids=("a", "b", "c"))
    (tmp_path / "x.csv").write_text("from,to,weight\n0,1,1\n1,2,1\n")
    assert read_graph(tmp_path / "x.csv", ("a", "b", "c")).num_edges == 2


def test_compressed_and_separated_as_they_come(tmp_path):
    text = "# roads\nfrom;to;weight\r\n0;1;0.5\r\n2;3;1\r\n\r\n4;4;1\r\n"
    with gzip.open(tmp_path / "g.csv.gz", "wt", newline="") as file:
        file.write(text)
    assert read_graph(tmp_path / "g.csv.gz", IDS).num_edges == 3
    (tmp_path / "g.csv").write_text(text, encoding="utf-8-sig")
    assert read_graph(tmp_path / "g.csv", IDS).num_edges == 3


def test_damage(tmp_path):
    whole = gzip.compress(b"from,to,weight\n0,1,0.5\n2,3,1\n4,4,1\n" * 50)
    (tmp_path / "g.csv.gz").write_bytes(whole[:-12])
    refused(tmp_path / "g.csv.gz", "g.csv.gz: ")
    (tmp_path / "g.csv.gz").write_bytes(b"no gzip")
    refused(tmp_path / "g.csv.gz", "cannot be read as CSV")
    (tmp_path / "g.csv").write_bytes(b"from,to,weight\n\xff\xff,1,2\n")
    refused(tmp_path / "g.csv", "not a text file in UTF-8; save the graph as one")
    (tmp_path / "g.csv").write_bytes("from,to,weight\n0,1,2\n".encode("utf-16"))
    refused(tmp_path / "g.csv", "not a text file in UTF-8")
    (tmp_path / "g.csv").write_text("from,to,weight\n0,1," + "1" * 200_000)
    refused(tmp_path / "g.csv", "cannot be read as CSV: field larger")
