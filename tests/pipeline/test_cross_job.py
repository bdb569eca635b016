import csv
import json
from dataclasses import replace

import pytest

from stemdist_ray import SyntheticDataset, evaluate, evaluate_forecasters
from stemdist_ray.comparison import compare as module
from stemdist_ray.comparison.train_row import TrainingTask
from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.execution.ray_workers import RayExecutor
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.system.files import write_csv
from tests.test_contract import METRICS


@pytest.fixture(scope="module")
def result(artifact, traffic):
    return evaluate_forecasters(artifact, traffic, ["stid", "dlinear"], full_data=True)


def test_rows_of_every_forecaster(result):
    assert list(result.rows) == ["stid", "dlinear"]
    for rows in result.rows.values():
        assert list(rows) == ["distilled", "random_subset", "node_sampled", "full_data"]
        steps = {rows[name].optimizer_steps for name in list(rows)[:3]}
        assert len(steps) == 1
    assert set(result.naive) == {"last_value", "historical_average", "ridge", "seasonal_linear"}
    assert not result.failed


def test_the_surrogate_has_its_own_options_and_the_same_row_as_evaluate(result, artifact, traffic):
    alone = evaluate(SyntheticDataset.load(artifact), traffic)
    assert result.rows["stid"]["distilled"].test == alone.distilled.test
    assert result.rows["stid"]["node_sampled"].test == alone.rows["node_sampled"].test


def test_json_and_csv(result, artifact, tmp_path):
    tree = json.loads((artifact / "cross_architecture.json").read_text())
    assert set(tree["forecasters"]) == {"stid", "dlinear"}
    assert set(tree["forecasters"]["dlinear"]["distilled"]) >= METRICS
    assert tree["surrogate"] == "stid"
    assert tree["track"] == result.track == "with_base"
    write_csv(tmp_path / "table.csv", result.to_records())
    with (tmp_path / "table.csv").open() as file:
        records = list(csv.DictReader(file))
    assert len(records) == 2 * 4 + 4
    first = records[0]
    assert (first["forecaster"], first["trained_on"]) == ("stid", "distilled")
    expected = result.rows["stid"]["distilled"].test.values["relative_rmse"]["mean"]
    assert float(first["relative_rmse_mean"]) == expected


def test_protocol_of_the_paper_takes_fewer_steps_on_other_data(artifact, traffic):
    data = SyntheticDataset.load(artifact)
    paper = data.config.evaluation.model_copy(update={"protocol": "paper", "repeats": 1})
    config = data.config.model_copy(update={"evaluation": paper})
    rows = evaluate_forecasters(data, traffic, ["dlinear"], config).rows["dlinear"]
    steps = {name: row.optimizer_steps for name, row in rows.items()}
    assert steps["random_subset"] == steps["node_sampled"] == paper.epochs
    assert steps["distilled"] == paper.epochs * paper.subsets


def test_a_forecaster_that_diverges_is_reported_and_the_others_go_on(
    artifact, traffic, monkeypatch
):
    original = module.run_task

    def diverge(data, task):
        named = isinstance(task, TrainingTask) and (task.forecaster.name, task.row.name)
        if named == ("stid", "random_subset"):
            return DivergenceError("never finite")
        return original(data, task)

    monkeypatch.setattr(module, "run_task", diverge)
    data = SyntheticDataset.load(artifact)
    result = evaluate_forecasters(data, traffic, ["stid", "dlinear"])
    assert result.failed == {"stid": "never finite"}
    assert list(result.rows) == ["dlinear"]


def test_unknown_names_are_refused_before_anything_is_trained(artifact, traffic):
    with pytest.raises(ConfigError, match="unknown forecaster 'x'"):
        evaluate_forecasters(artifact, traffic, ["dlinear", "x"])


def told(row):
    """All of a row but how long it took and with how much memory."""
    points = tuple(replace(point, train_seconds=0.0) for point in row.curve)
    return replace(row, train_seconds=0.0, peak_rss_mib=0.0, curve=points).to_json()


@pytest.mark.ray
@pytest.mark.slow  # nine forecasters, twice
@pytest.mark.usefixtures("local_ray")
def test_one_worker_and_two_give_the_same_bits(artifact, traffic):
    """All forecasters, and all data as well."""
    dataset, tables = SyntheticDataset.load(artifact), []
    for count in (1, 2):
        with RayExecutor(None, WorkerConfig(num_workers=count), count) as executor:
            tables.append(evaluate_forecasters(dataset, traffic, full_data=True, executor=executor))
    one, two = tables
    assert one.failed == two.failed == {}
    assert set(one.rows) == set(FORECASTERS.names())
    for name, rows in one.rows.items():
        assert {row: told(r) for row, r in rows.items()} == {
            row: told(r) for row, r in two.rows[name].items()
        }
    assert {n: told(r) for n, r in one.naive.items()} == {n: told(r) for n, r in two.naive.items()}
