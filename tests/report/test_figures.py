import xml.etree.ElementTree as ET

import numpy as np
import pytest

from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.comparison.table import CrossEvaluation
from stemdist_ray.distillation.run_state import RoundRecord
from stemdist_ray.report import figures
from tests.report.helpers import evaluation, row


def check_picture(picture):
    ET.fromstring(picture.svg)
    assert picture.png.startswith(b"\x89PNG")
    assert picture.alt
    assert picture.title


def record(number, validation):
    objective = None if number == 0 else 3.0
    return RoundRecord(number, objective, 1.0, 1.0, 1.0, 100.0, validation)


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
    picture = figures.error_per_horizon(evaluation({"distilled": row(1)}, {"ridge": row(2)}), "K")
    check_picture(picture)
    assert "grows from 1 at step 1 to 1 K" in picture.alt
    for name in ("distilled", "ridge"):
        assert ROWS.get(name).report_title in picture.svg
        assert ROWS.get(name).colour in picture.svg


@pytest.mark.parametrize("both", [False, True])
def test_error_over_time(both):
    alone = {"distilled": row(0.9), "full_data": row(0.8)} if both else None
    rows = {"distilled": row(0.5, seconds=2.0), "node_sampled": row(0.6)}
    picture = figures.error_over_time(evaluation(rows, {"seasonal_linear": row(0.7)}, alone))
    check_picture(picture)
    assert "is 1.000 after 1.0 s and 0.500 after 2.0 s" in picture.alt
    assert ROWS.get("seasonal_linear").report_title in picture.svg
    assert ("network alone" in picture.svg) == both


def test_cross_architecture_names_the_best_forecaster():
    rows = {
        "stid": {"distilled": row(0.6), "random_subset": row(0.7)},
        "mtgnn": {"distilled": row(0.5), "random_subset": row(0.8)},
    }
    naive = {"ridge": row(0.4), "last_value": row(0.9)}
    picture = figures.cross_architecture(CrossEvaluation(rows, {}, naive, "mtgnn", "fair", 0))
    check_picture(picture)
    best = ROWS.get("ridge").report_title
    assert f"mtgnn has the lowest, 0.500; {best} is at 0.400" in picture.alt


def test_a_row_that_only_another_release_knows_has_its_name():
    look = figures.row_look("oracle")
    assert (look.report_title, look.colour) == ("oracle", figures.GREY)
    assert figures.row_look("ridge") is ROWS.get("ridge")


def test_clusters_and_map(rng):
    check_picture(figures.cluster_sizes(np.array([3, 1, 2])))
    check_picture(figures.cluster_map(rng.normal(size=(6, 2)), np.array([0, 0, 0, 1, 2, 2])))


def test_same_data_same_file():
    one, two = (figures.cluster_sizes(np.array([3, 1, 2])) for _ in range(2))
    assert one.svg == two.svg
    assert one.png == two.png
