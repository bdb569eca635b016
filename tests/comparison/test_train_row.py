from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.baselines.rows import ROWS, RowData, TrainedRow
from stemdist_ray.baselines.rows.centroid import centroids
from stemdist_ray.comparison.train_row import (
    ClosedFormTask,
    ComparisonData,
    Training,
    TrainingTask,
    fit_row,
    run_task,
    train_row,
)
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.predict import EvaluationWindows
from tests.conftest import TINY


def task(row="distilled", track="network_alone", rate=1e-2, seed=3):
    row = ROWS.get(row) if isinstance(row, str) else row
    forecaster = ForecasterConfig(**TINY["forecaster"])
    return TrainingTask("one", row, track, forecaster, rate, seed, threads=1)


@pytest.fixture
def data(material):
    return ComparisonData.of(material)


@pytest.fixture
def based_data_of_rows(based_material):
    return ComparisonData.of(based_material)


def test_a_training_is_a_pure_function(data):
    one, two = (train_row(data, task("random_subset")) for _ in range(2))
    assert (one.test, one.validation, one.selection) == (two.test, two.validation, two.selection)
    assert one.test != train_row(data, task("random_subset", seed=4)).test


def test_same_data_same_row(data, material):
    """Whatever it is called."""
    start = centroids(material, 0).data
    same = TrainedRow("x", "x", "x", "red", 1, data=lambda m, seed: RowData(start, None))
    assert train_row(data, task(same)).test == train_row(data, task("centroid")).test


def test_the_test_split_is_read_after_training_once_per_kept_weights(data, monkeypatch):
    seen, original = [], EvaluationWindows.errors
    names = {len(data.test.starts): "test", len(data.validation.starts): "validation"}
    assert len(names) == 1  # both splits are as long: told apart by where they begin

    def spy(self, predict, batch):
        if self.starts[0] == data.test.starts[0]:
            seen.append("test")
        else:
            whole = len(self.starts) == len(data.validation.starts)
            seen.append("validation" if whole else "selection")
        return original(self, predict, batch)

    monkeypatch.setattr(EvaluationWindows, "errors", spy)
    found = train_row(data, task())
    tests = seen.count("test")
    # Snapshots after 2 and after 4 steps, and the two epochs' ends, after 4 and 8.
    assert seen == ["selection"] * 4 + ["test"] * tests + ["validation"]
    assert tests == len({point.test for point in found.points})


def test_points_are_what_shorter_trainings_would_have_given(data, material):
    found = train_row(data, task())
    assert [point.steps for point in found.points] == [2, 4, 8]
    assert found.points[-1].test == found.test.relative_rmse
    assert found.points[-1].validation == found.selection
    short = replace(material, config=material.config.model_copy(update={"epochs": 1}))
    ended = train_row(ComparisonData.of(short), task())
    assert ended.optimizer_steps == 4
    assert ended.test.relative_rmse == found.points[1].test


def test_tracks(based_data_of_rows):
    base, alone = (
        train_row(based_data_of_rows, task(track=t)) for t in ("with_base", "network_alone")
    )
    assert base.test.relative_rmse < alone.test.relative_rmse
    assert base.num_parameters == alone.num_parameters


def test_alone_is_what_it_would_be_without_any_base(based_data_of_rows, based_material):
    without = ComparisonData.of(replace(based_material, base=None))
    one, two = (train_row(d, task("centroid")) for d in (based_data_of_rows, without))
    assert one.test == two.test


def test_the_base_of_a_row_counts_and_no_other(based_data_of_rows, based_material):
    """Where nothing is learned a row scores what its own base does."""
    chosen = task("random_subset", track="with_base", rate=1e-30)
    found = train_row(based_data_of_rows, chosen)
    base = chosen.row.data(based_material, chosen.seed).base
    windows = based_data_of_rows.test.with_base(base)
    wanted = windows.score(lambda s: windows.windows.batch(s).base.numpy(), 99)
    assert found.test.relative_rmse == pytest.approx(wanted.relative_rmse, rel=1e-5)


def test_divergence_is_an_answer(data):
    found = train_row(data, task(rate=1e30))
    assert isinstance(found, DivergenceError)
    assert "stid" in str(found)


@pytest.mark.parametrize("name", ["ridge", "last_value", "seasonal_linear"])
def test_rows_in_closed_form(based_data_of_rows, based_material, name):
    row = ROWS.get(name)
    found = fit_row(based_data_of_rows, ClosedFormTask(name, row, threads=1))
    model = row.forecaster(based_material.source)
    assert found.test.rmse == pytest.approx(based_data_of_rows.test.score(model.predict, 7).rmse)
    assert np.isfinite(found.validation.rmse)
    assert found.peak_rss_mib > 0


def test_either_kind_of_task_is_run(data):
    assert isinstance(run_task(data, task()), Training)
    closed = ClosedFormTask("last", ROWS.get("last_value"), threads=1)
    assert run_task(data, closed).test == fit_row(data, closed).test


def test_selection_is_a_part_of_validation(data, material):
    assert len(data.selection.starts) == material.config.validation_windows
    assert set(data.selection.starts) <= set(data.validation.starts)
