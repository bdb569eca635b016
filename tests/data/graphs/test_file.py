import io
import pickle
import zipfile
from collections import namedtuple

import numpy as np
import psutil
import pytest
from scipy import sparse

from stemdist_ray.data.graphs import read_graph
from stemdist_ray.data.location_graph import gaussian_weights
from stemdist_ray.errors import DataError
from tests.data.readers.test_pickles import Payload

IDS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
def weights(rng):
    weights = np.round(rng.random((6, 6)), 3) * (rng.random((6, 6)) < 0.6)
    weights[0, 1] = 0.25
    return weights


def refused(path, words, ids=IDS, **options):
    with pytest.raises(DataError, match=words) as error:
        read_graph(path, ids, **options)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def dense(graph):
    return graph.weights.toarray()


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_sparse_matrices_of_scipy(tmp_path, weights, form, kind):
    sparse.save_npz(tmp_path / "g.npz", kind(weights).asformat(form))
    graph = read_graph(tmp_path / "g.npz", IDS)
    np.testing.assert_array_equal(dense(graph), weights.astype(np.float32))
    edges = np.count_nonzero(weights)
    assert graph.about == f"g.npz: {edges} edges between 6 locations, weights as they are"


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float16, np.float64, ">f4"])
def test_square_arrays(tmp_path, weights, dtype):
    array = (weights > 0).astype(dtype)
    np.save(tmp_path / "g.npy", array)
    np.savez(tmp_path / "one.npz", anything=array)
    np.savez_compressed(tmp_path / "named.npz", adj_mx=array, other=np.zeros(3))
    for name in ("g.npy", "one.npz", "named.npz"):
        np.testing.assert_array_equal(dense(read_graph(tmp_path / name, IDS)), weights > 0)


def test_names_tell_what_numbers_are(tmp_path, weights):
    np.savez(tmp_path / "w.npz", adj=5 * weights)
    np.testing.assert_array_equal(
        dense(read_graph(tmp_path / "w.npz", IDS)), (5 * weights).astype(np.float32)
    )
    far = np.where(weights > 0, 1 + 5 * weights, np.inf)
    np.fill_diagonal(far, 0)
    np.savez(tmp_path / "d.npz", dist=far)
    graph = read_graph(tmp_path / "d.npz", IDS)
    near = np.isfinite(far)
    wanted, sigma = gaussian_weights(far[near])
    np.testing.assert_allclose(dense(graph)[near], wanted, rtol=1e-6)
    assert not dense(graph)[~near].any()
    assert f"sigma {sigma:g}" in graph.about
    # A setting counts more than a name.
    np.savez(tmp_path / "d.npz", dist=weights)
    graph = read_graph(tmp_path / "d.npz", IDS, "weights")
    np.testing.assert_array_equal(dense(graph), weights.astype(np.float32))


def test_what_is_not_plain_is_asked_for(tmp_path, weights):
    np.save(tmp_path / "g.npy", 700 * weights)
    refused(tmp_path / "g.npy", "training.graph_kind = weights", setting="training.graph_kind")
    read_graph(tmp_path / "g.npy", IDS, "weights")
    sparse.save_npz(tmp_path / "g.npz", sparse.csr_array(700 * weights))
    refused(tmp_path / "g.npz", "nothing tells whether")
    graph = read_graph(tmp_path / "g.npz", IDS, "distances")
    stored = weights != 0
    wanted, _ = gaussian_weights(700 * weights[stored])
    np.testing.assert_allclose(dense(graph)[stored], wanted, rtol=1e-6)


def test_other_shapes(tmp_path, weights):
    np.save(tmp_path / "n.npy", weights[:5, :5])
    refused(tmp_path / "n.npy", r"shape \(5, 5\); the series has 6 locations")
    np.save(tmp_path / "n.npy", weights[:, :5])
    refused(tmp_path / "n.npy", r"expected \(6, 6\)")
    sparse.save_npz(tmp_path / "n.npz", sparse.csr_array(weights[:, :5]))
    refused(tmp_path / "n.npz", r"shape \(6, 5\)")
    np.savez(tmp_path / "two.npz", x=weights, y=weights)
    refused(tmp_path / "two.npz", "found x, y")
    np.savez(tmp_path / "two.npz")
    refused(tmp_path / "two.npz", "found none")


def test_numbers_that_are_neither(tmp_path, weights):
    for value, words in ((np.nan, "no numbers"), (-1, "negative"), (np.inf, "infinite")):
        wrong = weights.copy()
        wrong[2, 3] = value
        np.save(tmp_path / "g.npy", wrong)
        refused(tmp_path / "g.npy", words, kind="weights")
    np.save(tmp_path / "g.npy", np.eye(6))
    refused(tmp_path / "g.npy", "no edge between two different locations")
    np.save(tmp_path / "g.npy", weights.astype(complex))
    refused(tmp_path / "g.npy", "complex128; expected numbers")
    np.save(tmp_path / "g.npy", 1e300 * weights)
    with np.errstate(over="ignore"):
        refused(tmp_path / "g.npy", "float32", kind="weights")


def test_distances_that_are_none(tmp_path):
    zeros = np.full((6, 6), 2.0)
    zeros[1, 2] = 0
    np.savez(tmp_path / "g.npz", distance=zeros)
    refused(tmp_path / "g.npz", "may mean no road or the same place")
    np.savez(tmp_path / "g.npz", distance=np.full((6, 6), 2.0))
    refused(tmp_path / "g.npz", r"from 2 to 2\) differ by 0")
    np.savez(tmp_path / "g.npz", distance=np.full((6, 6), np.inf))
    refused(tmp_path / "g.npz", "leaves no edge")


def test_nothing_is_unpickled(tmp_path):
    payload = Payload(tmp_path / "harm")
    objects = np.empty((6, 6), object)
    objects[:] = payload
    (tmp_path / "adj_mx.pkl").write_bytes(pickle.dumps(payload))
    refused(tmp_path / "adj_mx.pkl", "a pickle runs code .* numpy.savez")
    refused(tmp_path / "adj_mx.pickle.gz", "a pickle runs code")
    np.save(tmp_path / "g.npy", objects, allow_pickle=True)
    refused(tmp_path / "g.npy", "pickled objects")
    np.savez(tmp_path / "g.npz", adj=objects)
    refused(tmp_path / "g.npz", "pickled objects")
    sparse.save_npz(tmp_path / "s.npz", sparse.csr_array(np.eye(6)))
    for name in ("format", "shape", "data", "indices"):
        with np.load(tmp_path / "s.npz") as parts:
            np.savez(tmp_path / "t.npz", **{**parts, name: objects})
        refused(tmp_path / "t.npz", "pickled objects")
    for name in ("renamed.npz", "renamed.npy", "renamed.csv"):
        (tmp_path / name).write_bytes(pickle.dumps(payload, 0))
        refused(tmp_path / name, "renamed")
    assert not (tmp_path / "harm").exists()


def test_sizes_are_checked_before_anything_is_made(tmp_path, weights, monkeypatch):
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
    with (tmp_path / "g.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    refused(tmp_path / "g.npy", r"shape \(1000000000, 1000000000\)")
    sparse.save_npz(tmp_path / "s.npz", sparse.csr_array(weights))
    with np.load(tmp_path / "s.npz") as parts:
        arrays = dict(parts)
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                if name == "data":
                    np.lib.format.write_array_header_1_0(file, {**header, "shape": (10**13,)})
                else:
                    np.save(file, array)
    refused(tmp_path / "t.npz", "GiB of memory")
    np.save(tmp_path / "g.npy", weights)
    free = namedtuple("Free", "available")(100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    refused(tmp_path / "g.npy", "GiB are free; give the edges alone")


def test_damage(tmp_path, weights):
    refused(tmp_path / "none.npz", "no such file")
    refused(tmp_path, "no such file")
    (tmp_path / "g.dat").write_text("x")
    refused(tmp_path / "g.dat", "expected a graph as .npz, .npy or .csv")
    np.save(tmp_path / "g.npy", weights)
    whole = (tmp_path / "g.npy").read_bytes()
    for size in (0, 5, 40, len(whole) - 8):
        (tmp_path / "g.npy").write_bytes(whole[:size])
        refused(tmp_path / "g.npy", "cannot be read")
    (tmp_path / "g.npy").write_bytes(whole.replace(b"}", b"{"))
    refused(tmp_path / "g.npy", "cannot be read")
    np.savez_compressed(tmp_path / "g.npz", adj=weights)
    whole = (tmp_path / "g.npz").read_bytes()
    (tmp_path / "g.npz").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "g.npz", "cannot be read")
    (tmp_path / "g.npz").write_bytes(whole[:180] + b"\xff" * 9 + whole[189:])
    refused(tmp_path / "g.npz", "cannot be read")


def sparse_parts(matrix):
    file = io.BytesIO()
    sparse.save_npz(file, matrix)
    file.seek(0)
    with np.load(file) as parts:
        return dict(parts)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
def test_places_outside_a_sparse_matrix(tmp_path, weights, form):
    parts = sparse_parts(sparse.csr_array(weights).asformat(form))
    name = "row" if form == "coo" else "indices"
    for wrong in (-1, 6, 10**6):
        places = parts[name].copy()
        places[-1] = wrong
        np.savez(tmp_path / "g.npz", **{**parts, name: places})
        refused(tmp_path / "g.npz", "cannot be read")
    np.savez(tmp_path / "g.npz", **{**parts, name: places.astype(float)})
    refused(tmp_path / "g.npz", "expected places")
    del parts[name]
    np.savez(tmp_path / "g.npz", **parts)
    refused(tmp_path / "g.npz", f"lacks {name}")


def test_sparse_parts_of_other_kinds(tmp_path, weights):
    parts = sparse_parts(sparse.csr_array(weights))
    for changed, words in (
        ({"format": np.array("dia")}, "a sparse matrix as 'dia'"),
        ({"format": np.arange(3)}, "expected a word"),
        ({"shape": np.array([6, 6, 6])}, "expected 2 numbers"),
        ({"shape": np.array(["6", "6"])}, "expected 2 numbers"),
        ({"data": np.array(["x"] * len(parts["data"]))}, "expected numbers"),
        ({"indptr": parts["indptr"][:-1]}, "cannot be read"),
        ({"indptr": parts["indptr"][::-1].copy()}, "cannot be read"),
    ):
        np.savez(tmp_path / "g.npz", **{**parts, **changed})
        refused(tmp_path / "g.npz", words)
