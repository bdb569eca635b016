from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.baselines.rows import ROWS, closed_form_rows, trained_rows
from stemdist_ray.comparison import compare as module
from stemdist_ray.comparison.compare import Cell
from stemdist_ray.comparison.table import RowResult
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.metrics import METRIC_NAMES
from stemdist_ray.execution.serial import SerialExecutor
from tests.conftest import TINY, make_comparison

STID = ForecasterConfig(**TINY["forecaster"])


def cells(*rows, tracks=("network_alone",), forecaster=STID):
    return [Cell(forecaster, track, ROWS.get(row)) for track in tracks for row in rows]


def with_config(material, **changes):
    return replace(material, config=material.config.model_copy(update=changes))


def train(comparison, *rows, **more):
    return comparison.run(cells(*rows, **more))[0]


class LastFirst(SerialExecutor):
    """Runs tasks from the last to the first."""

    def run(self, function, tasks, on_done):
        return super().run(function, tasks[::-1], on_done)[::-1]


def test_every_row_has_the_same_budget_and_all_metrics(based_material):
    names = [row.name for row in trained_rows() if not row.on_request]
    tracks = ("with_base", "network_alone")
    rows, naive = make_comparison(based_material).run(cells(*names, tracks=tracks))
    assert list(rows) == [("stid", track, name) for track in tracks for name in names]
    assert {row.optimizer_steps for row in rows.values()} == {2 * 4}
    assert len({row.num_parameters for row in rows.values()}) == 1
    assert set(naive) == {row.name for row in closed_form_rows()} - {"zero_shot"}  # on request
    for row in (*rows.values(), *naive.values()):
        tree = row.to_json()
        assert set(METRIC_NAMES) <= set(tree)
        assert set(METRIC_NAMES) <= set(tree["validation"])
        assert all(np.isfinite(tree[m]["mean"]) for m in METRIC_NAMES)
    for row in rows.values():
        assert row.test.repeats == 2
        assert [point.steps for point in row.curve] == [2, 4, 8]
        last, error = row.curve[-1], row.test.values["relative_rmse"]
        assert last.test == pytest.approx(error["mean"])
        assert last.test_std == pytest.approx(error["std"])
        assert last.train_seconds == pytest.approx(row.train_seconds)


def test_a_base_helps_short_trainings(based_material):
    tracks = ("with_base", "network_alone")
    rows = train(make_comparison(based_material), "distilled", tracks=tracks)
    base, alone = (rows["stid", t, "distilled"].test.values["relative_rmse"] for t in tracks)
    assert base["mean"] < alone["mean"]


def test_without_a_teacher_its_row_is_left_out(comparison):
    assert list(train(comparison, "random_teacher", "random_subset")) == [
        ("stid", "network_alone", "random_subset")
    ]


def test_the_order_of_the_trainings_does_not_matter(material, comparison):
    names = ("distilled", "random_subset")
    other = make_comparison(material, LastFirst(comparison.data))
    (one, naive), (two, others) = (c.run(cells(*names)) for c in (comparison, other))
    for key, row in one.items():
        assert row.test == two[key].test
        assert row.validation == two[key].validation
        assert row.best_epochs == two[key].best_epochs
    assert {n: r.test for n, r in naive.items()} == {n: r.test for n, r in others.items()}


def test_several_forecasters_are_told_apart(comparison):
    dlinear = ForecasterConfig(name="dlinear", options={"kernel_size": 3})
    both = [*cells("distilled"), *cells("distilled", forecaster=dlinear)]
    found, _ = comparison.run(both)
    assert [key[0] for key in found] == ["stid", "dlinear"]
    alone = train(comparison, "distilled", forecaster=dlinear)
    key = ("dlinear", "network_alone", "distilled")
    assert alone[key].test == found[key].test


def test_validation_chooses_the_rate_of_the_row(material):
    factors = (1e-6, 1.0)
    tried = make_comparison(with_config(material, rate_factors=factors))
    rows = train(tried, "distilled", "random_subset")
    for row in rows.values():
        assert row.learning_rate == pytest.approx(material.config.learning_rate)
        assert row.test.repeats == 2
    plain = train(make_comparison(material), "distilled")
    key = ("stid", "network_alone", "distilled")
    assert rows[key].test == plain[key].test


def test_a_rate_that_diverges_is_no_loss_where_another_does_not(material):
    wild = with_config(material, rate_factors=(1e32, 1.0))
    row = train(make_comparison(wild), "distilled")["stid", "network_alone", "distilled"]
    assert row.learning_rate == pytest.approx(material.config.learning_rate)


def test_a_row_that_diverges_at_every_rate_has_its_error(material):
    wild = with_config(material, rate_factors=(1e32,), warmup_steps=0)
    found = train(make_comparison(wild), "distilled")["stid", "network_alone", "distilled"]
    assert isinstance(found, DivergenceError)


def test_full_data_stops_by_its_own_budget(comparison, material):
    full = train(comparison, "full_data")["stid", "network_alone", "full_data"]
    steps = -(-len(material.source.starts["train"]) // material.config.full_data_batch)
    assert isinstance(full, RowResult)
    assert full.optimizer_steps in (steps, 2 * steps)


def test_one_repeat_has_no_spread(material):
    once = make_comparison(with_config(material, repeats=1))
    row = train(once, "distilled")["stid", "network_alone", "distilled"]
    assert row.test.repeats == 1
    assert {point.test_std for point in row.curve} == {0.0}


def test_points_that_some_repeats_have_not_reached_are_left_out(comparison):
    row = train(comparison, "distilled")["stid", "network_alone", "distilled"]
    assert len(row.curve) == 3
    assert module._curve([]) == ()
