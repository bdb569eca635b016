import json

import numpy as np
import pytest
from scipy import sparse

from stemdist_ray import (
    SyntheticDataset,
    TrainConfig,
    TrainedForecaster,
    evaluate,
    evaluate_forecasters,
    train_forecaster,
)
from stemdist_ray.errors import ConfigError, DataError
from stemdist_ray.pipeline.given_graph import check_graph, with_given_graph

STGCN = {"name": "stgcn", "options": {"channels": 4, "graph_channels": 4, "blocks": 1}}


class Heard:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)

    def begin(self, *unused):
        pass

    advance = end = begin


@pytest.fixture
def weights(rng):
    weights = rng.random((24, 24)) * (rng.random((24, 24)) < 0.2)
    return weights.astype(np.float32)


@pytest.fixture
def file(weights, tmp_path):
    sparse.save_npz(tmp_path / "adj.npz", sparse.csr_array(weights))
    return tmp_path / "adj.npz"


def training(graph=None, base="none", **more):
    own = {"epochs": 2, "learning_rate": 0.01, "graph": None if graph is None else str(graph)}
    tree = {
        "base": base,
        "data": {"lookback": 6, "horizon": 4},
        "forecaster": STGCN,
        "training": {**own, **more},
        "worker": {"num_workers": 0},
        "tracking": {"enabled": False},
    }
    return TrainConfig.model_validate(tree)


def test_who_takes_it_is_checked_and_said():
    heard, config = Heard(), training("g.npz").training
    check_graph(config, ["stgcn", "stid", "mtgnn"], heard)
    assert heard.lines == ["the graph goes to stgcn, mtgnn; stid take none and are trained without"]
    words = r"stid takes no graph \(training.graph\); graph_wavenet, mtgnn, stgcn"
    with pytest.raises(ConfigError, match=words):
        check_graph(config, ["stid", "dlinear"], heard)
    check_graph(training().training, ["stid"], heard)
    alone = training(graph_kind="weights").training
    with pytest.raises(ConfigError, match="training.graph_kind is weights but there is no graph"):
        check_graph(alone, ["stgcn"], heard)


def test_a_source_gets_its_graph(prepared, file, weights):
    heard = Heard()
    assert with_given_graph(prepared, training().training, heard) is prepared
    given = with_given_graph(prepared, training(file).training, heard)
    np.testing.assert_array_equal(given.windows.graph.weights.toarray(), weights)
    assert heard.lines[0].startswith("graph adj.npz: ")
    some = np.array([3, 1])
    part = given.windows.select(some).graph.weights.toarray()
    np.testing.assert_array_equal(part, weights[np.ix_(some, some)])


def test_a_trained_model_brings_its_graph(traffic, file, tmp_path):
    result = train_forecaster(traffic, tmp_path / "run", training(file, base="seasonal_linear"))
    about = json.loads((tmp_path / "run" / "training.json").read_text())
    assert about["graph"].startswith("adj.npz: ")
    assert about["config"]["training"]["graph"] == str(file)
    file.unlink()
    again = TrainedForecaster.load(tmp_path / "run" / "model")
    recent, last = traffic.values[-6:], traffic.times[-1]
    out = again.forecast(recent, last)
    np.testing.assert_array_equal(out, result.forecaster.forecast(recent, last))
    assert json.loads((tmp_path / "run" / "model" / "model.json").read_text())["version"] == 7


def test_without_a_graph_files_are_those_of_ever(traffic, tmp_path):
    train_forecaster(traffic, tmp_path / "run", training())
    about = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert about["version"] == 6
    assert "graph" not in about["shape"]
    assert not list((tmp_path / "run" / "model").glob("graph*"))
    assert "graph" not in json.loads((tmp_path / "run" / "training.json").read_text())


def test_the_graph_decides_and_its_file_name_does_not(traffic, file, weights, tmp_path):
    def train(graph, epochs, **more):
        return train_forecaster(traffic, tmp_path / "run", training(graph, epochs=epochs), **more)

    first = train(file, 1)
    moved = file.rename(tmp_path / "moved.npz")
    second = train(moved, 2, resume=True)
    direct = train_forecaster(traffic, tmp_path / "direct", training(moved, epochs=2))
    assert second.history == direct.history
    assert first.history == direct.history[: len(first.history)]
    np.save(tmp_path / "other.npy", weights.T)
    with pytest.raises(ConfigError, match=r"training.graph was \w+ and is \w+"):
        train(tmp_path / "other.npy", 2, resume=True)
    with pytest.raises(ConfigError, match=r"training.graph was \w+ and is None"):
        train(None, 2, resume=True)


def test_a_graph_that_is_refused_leaves_nothing_behind(traffic, tmp_path):
    np.save(tmp_path / "g.npy", np.ones((3, 3)))
    with pytest.raises(DataError, match="the series has 24 locations"):
        train_forecaster(traffic, tmp_path / "run", training(tmp_path / "g.npy"))
    assert not (tmp_path / "run").exists()


def test_trained_on_distilled_data_with_the_graph_of_the_clusters(
    artifact, traffic, file, weights, tmp_path, monkeypatch
):
    from stemdist_ray.pipeline import train_job

    seen, original = [], train_job.training_work

    def spy(config, source, windows, data_hash):
        seen.append(windows)
        return original(config, source, windows, data_hash)

    monkeypatch.setattr(train_job, "training_work", spy)
    result = train_forecaster(traffic, tmp_path / "run", training(file), distilled=artifact)
    assignment = SyntheticDataset.load(artifact).clustering.assignment
    found = seen[0].graph.weights.toarray()
    wanted = weights[np.ix_(assignment == 1, assignment == 0)].mean()
    np.testing.assert_allclose(found[1, 0], wanted, rtol=1e-6)
    assert result.forecaster.graph.num_locations == 24


def test_evaluations_with_a_graph(artifact, traffic, file):
    """Every row gets its part of it; forecasters without one are as they were."""
    data, heard = SyntheticDataset.load(artifact), Heard()
    budget = {"epochs": 1, "repeats": 1, "rate_factors": (1.0,), "tracks": ("network_alone",)}
    plain = data.config.model_copy(
        update={"evaluation": data.config.evaluation.model_copy(update=budget)}
    )
    with_graph = plain.model_copy(
        update={"evaluation": plain.evaluation.model_copy(update={"graph": str(file)})}
    )
    names = ["stgcn", "dlinear"]
    without = evaluate_forecasters(data, traffic, names, plain)
    found = evaluate_forecasters(data, traffic, names, with_graph, reporter=heard)
    assert "the graph goes to stgcn; dlinear take none and are trained without" in heard.lines
    for name, row in found.rows["dlinear"].items():
        assert row.test == without.rows["dlinear"][name].test
    for name, row in found.rows["stgcn"].items():
        assert row.test != without.rows["stgcn"][name].test
        assert row.num_parameters == without.rows["stgcn"][name].num_parameters + 1
    assert found.to_json()["graph"].startswith("adj.npz: ")
    assert type(found).from_json(found.to_json()).graph == found.graph
    assert "graph" not in without.to_json()
    with pytest.raises(ConfigError, match=r"stid takes no graph \(evaluation.graph\)"):
        evaluate(data, traffic, with_graph)
