import xml.etree.ElementTree as ET

import numpy as np
import pytest

from stemdist_ray.report import figures


def check_picture(picture):
    ET.fromstring(picture.svg)
    assert picture.png.startswith(b"\x89PNG")
    assert picture.alt
    assert picture.title


def record(number, validation):
    return {"round": number, "validation": validation, "objective": None if number == 0 else 3.0}


def test_convergence():
    history = [record(0, 0.8), record(1, None), record(2, 0.7)]
    picture = figures.convergence(history, 2, "objective")
    check_picture(picture)
    assert "0.800" in picture.alt
    assert "round 2" in picture.alt


@pytest.mark.parametrize("count", [1, 2, 6])
def test_example_windows(rng, count):
    examples = {"clusters": np.arange(count)}
    for kind in ("real", "learned"):
        examples[f"{kind}_x"] = rng.normal(size=(count, 5))
        examples[f"{kind}_y"] = rng.normal(size=(count, 3))
    check_picture(figures.example_windows(examples, "K"))


def test_error_per_horizon():
    steps = {"mean": [1.0, 2.0], "std": [0.1, 0.2]}
    rows = {name: {"per_horizon": {"rmse": steps}} for name in ("distilled", "ridge")}
    check_picture(figures.error_per_horizon(rows, {"distilled": "a", "ridge": "b"}, "K"))


def test_cross_architecture_names_the_best_forecaster():
    def row(error):
        return {"relative_rmse": {"mean": error, "std": 0.01}}

    rows = {
        "stid": {"distilled": row(0.6), "random_subset": row(0.7)},
        "mtgnn": {"distilled": row(0.5), "random_subset": row(0.8)},
    }
    titles = {"distilled": "a", "random_subset": "b", "ridge": "c", "last_value": "d"}
    naive = {"ridge": row(0.4), "last_value": row(0.9)}
    picture = figures.cross_architecture(rows, naive, titles)
    check_picture(picture)
    assert "mtgnn has the lowest, 0.500; c is at 0.400" in picture.alt


def test_clusters_and_map(rng):
    check_picture(figures.cluster_sizes(np.array([3, 1, 2])))
    check_picture(figures.cluster_map(rng.normal(size=(6, 2)), np.array([0, 0, 0, 1, 2, 2])))


def test_same_data_same_file():
    one, two = (figures.cluster_sizes(np.array([3, 1, 2])) for _ in range(2))
    assert one.svg == two.svg
    assert one.png == two.png
