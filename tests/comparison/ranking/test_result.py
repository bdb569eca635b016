import json
import math

import numpy as np
import pytest

from stemdist_ray.comparison.ranking.result import Ranking, errors_of
from stemdist_ray.system.files import finite
from tests.comparison.ranking.helpers import CONFIGURATIONS, NAMES, TRUTH, cells, ranking


def test_errors_in_the_order_of_configurations():
    found = errors_of(cells()[::-1], CONFIGURATIONS[::-1], "full_data", "test")
    np.testing.assert_array_equal(found, np.array(TRUTH[::-1])[:, None] * np.ones((1, 2)))


def test_measures_costs_and_choice():
    ranked = ranking().ranked
    one, other, full = (ranked[n] for n in ("distilled", "random_subset", "full_data"))
    assert one.measures["spearman"].value == pytest.approx(1.0)
    assert (one.chosen, one.measures["regret"].value) == ("stid", 0.0)
    assert (one.ahead_seconds, one.train_seconds, one.seconds) == (6.0, 4.0, 10.0)
    assert one.regret_per_second_saved == 0.0
    assert other.chosen == "dlinear"
    assert other.measures["regret_percent"].value == pytest.approx(20.0)
    assert other.regret_per_second_saved == pytest.approx(0.1 / 36)
    assert full.measures["spearman"].value == pytest.approx(1.0)
    assert math.isnan(full.regret_per_second_saved)
    assert ranking().best == "stid"


def test_finalists_are_trained_fully_and_cost_that():
    ranked = ranking().ranked
    random = ranked["random_subset"]  # prefers the second, then the third; the first is best
    assert (random.finalist, random.finalist_seconds) == ("dlinear", 20.0)
    assert random.measures["finalist_regret_percent"].value == pytest.approx(20.0)
    assert ranked["distilled"].measures["finalist_regret"].value == 0.0
    assert ranked["full_data"].finalist_seconds == 0.0  # trained already


def test_how_far_the_distilled_data_rank_better():
    ranked = ranking().ranked
    assert ranked["distilled"].advantage.value == 0.0
    assert ranked["random_subset"].advantage.value == pytest.approx(
        1.0 - ranked["random_subset"].measures["spearman"].value
    )


def test_json_and_back():
    one = ranking()
    tree = json.loads(json.dumps(finite(one.to_json()), allow_nan=False))
    back = Ranking.from_json(tree)
    assert finite(back.to_json()) == finite(one.to_json())
    assert back.cells == one.cells


def test_a_flat_record_per_training():
    records = ranking().to_records()
    assert len(records) == 3 * 2 * len(NAMES)
    lost = [r for r in records if r["failed"]]
    assert {(r["trained_on"], r["validation_relative_rmse"]) for r in lost} == {
        ("random_subset", None)
    }


def test_what_made_it_is_kept_without_passwords(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/bin/stemdist", "rank", "x", "s3://me:hush@host/a.csv"])
    one = ranking()
    assert one.command == "stemdist rank x s3://me:***@host/a.csv"
    tree = json.loads(json.dumps(finite(one.to_json())))
    assert Ranking.from_json(tree).command == one.command
    del tree["command"]  # as files of before have it
    assert Ranking.from_json(tree).command == ""
