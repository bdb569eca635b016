import json
import math
from dataclasses import replace

import pytest

from stemdist_ray.comparison.ranking import cells
from stemdist_ray.comparison.ranking.cells import (
    Cell,
    CellTask,
    equal_seconds_epochs,
    look_of,
    row_of,
    run_cell,
)
from stemdist_ray.comparison.ranking.configurations import Configuration
from stemdist_ray.comparison.train_row import ComparisonData
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import ConfigError
from tests.conftest import TINY


def task(trained_on="distilled", track="network_alone", rate=1e-2, seed=3, draw=1, **more):
    one = Configuration("one", ForecasterConfig(**TINY["forecaster"]), rate)
    row = row_of(trained_on)
    return CellTask("one", trained_on, row, one, track, 0, draw, seed, 1, **more)


@pytest.fixture
def data(material):
    return ComparisonData.of(material)


def numbers(cell):
    return cell.validation, cell.test, cell.optimizer_steps, cell.best_epoch


def test_a_training_follows_from_its_task(data):
    one, two = (run_cell(data, task("random_subset")) for _ in range(2))
    assert numbers(one) == numbers(two)
    assert one.seconds >= one.fit_seconds > 0
    assert one.validation != run_cell(data, task("random_subset", draw=2)).validation
    assert one.validation != run_cell(data, task("random_subset", seed=4)).validation


def test_the_test_split_is_read_for_full_training_alone(data):
    assert run_cell(data, task()).test is None
    full = run_cell(data, task("full_data"))
    assert 0 < full.test < 2
    assert full.epochs == data.material.config.full_data_epochs


def test_steps(data):
    few = run_cell(data, task("node_sampled"))
    assert few.optimizer_steps == run_cell(data, task()).optimizer_steps
    more = run_cell(data, task("equal_seconds", epochs=2 * few.epochs))
    assert more.optimizer_steps == 2 * few.optimizer_steps


def test_tracks(based_material):
    data = ComparisonData.of(based_material)
    based, alone = (run_cell(data, task(track=t)) for t in ("with_base", "network_alone"))
    assert based.validation < alone.validation


def test_one_that_diverges_is_an_answer(data):
    rates = {"warmup_steps": 0}
    wild = task("full_data", rate=1e32)
    cell = run_cell(data, replace(wild, configuration=replace(wild.configuration, budget=rates)))
    assert "never reached a finite validation error" in cell.failed
    assert (cell.validation, cell.test) == (math.inf, math.inf)
    tree = json.loads(json.dumps({**cell.to_json(), "validation": None, "test": None}))
    assert Cell.from_json(tree) == cell


def test_forecasts_that_are_not_finite_somewhere_rank_last(data, monkeypatch):
    score = cells.score_forecaster

    def scored(model, windows, *rest):
        return replace(score(model, windows, *rest), relative_rmse=math.nan)

    monkeypatch.setattr(cells, "score_forecaster", scored)
    cell = run_cell(data, task("full_data"))
    assert (cell.validation, cell.test) == (math.inf, math.inf)
    assert cell.failed == "its forecasts are not finite on all windows"


def test_equal_seconds():
    distilled = Cell("distilled", "one", 0, 0.5, None, fit_seconds=3.0, seconds=4.0, epochs=10)
    sampled = replace(distilled, trained_on="node_sampled", fit_seconds=5.0)
    assert equal_seconds_epochs(distilled, sampled, 7.0) == 20
    assert equal_seconds_epochs(distilled, sampled, -1.0) == 6
    assert equal_seconds_epochs(replace(distilled, fit_seconds=0.01), sampled, 0.0) == 1
    assert equal_seconds_epochs(distilled, replace(sampled, fit_seconds=0.0), 7.0) == 10


def test_what_can_be_trained_on():
    assert row_of("equal_seconds") is row_of("node_sampled")
    with pytest.raises(ConfigError, match="found ridge; it trains no configuration"):
        row_of("ridge")
    with pytest.raises(ConfigError, match="found x; expected some of: centroid"):
        row_of("x")
    assert look_of("equal_seconds").colour != look_of("node_sampled").colour
    assert look_of("of another release").title == "of another release"
