import numpy as np
import pytest

from stemdist_ray import TrainedForecaster
from stemdist_ray.cli import train_jobs
from stemdist_ray.config import TrainConfig
from tests.cli.conftest import SOURCE, check_refused, run

TINY_TRAINING = [
    *("--forecaster", "dlinear", "--epochs", "1", "--workers", "0"),
    *("--set", "tracking.enabled=false"),
]


@pytest.fixture
def asked(monkeypatch):
    jobs = []
    monkeypatch.setattr(train_jobs, "run_train", lambda job, console: jobs.append(job))
    return jobs


def train(*arguments):
    return run("train", *arguments)


def test_on_all_windows(tmp_path):
    out = tmp_path / "a model"
    sizes = ["--lookback", "6", "--horizon", "4"]
    result = train(SOURCE, "--out", out, *sizes, *TINY_TRAINING)
    assert result.exit_code == 0, result.output
    assert f"wrote {out / 'model'}" in result.output
    trained = TrainedForecaster.load(out / "model")
    assert trained.config.name == "dlinear"
    assert (trained.model.shape.lookback, trained.model.shape.horizon) == (6, 4)
    assert len(trained.location_ids) == 24

    again = train(SOURCE, "--out", out, *sizes, *TINY_TRAINING)
    check_refused(again, "go on with --resume")
    assert train(SOURCE, "--out", out, *sizes, *TINY_TRAINING, "--resume").exit_code == 0


def test_on_distilled_data(folder, tmp_path):
    out = tmp_path / "model"
    result = train(SOURCE, "--out", out, "--distilled", folder, *TINY_TRAINING)
    assert result.exit_code == 0, result.output
    assert f"wrote {out / 'model'}" in result.output
    shape = TrainedForecaster.load(out / "model").model.shape
    assert (shape.lookback, shape.horizon) == (6, 4)


def test_options_override_the_file(asked, tmp_path):
    (tmp_path / "t.yaml").write_text(
        "source: other\nout: there\nregister_as: 1.10\noverwrite: true\n"
        "config:\n"
        "  seed: 1\n"
        "  data: {start: 2012-03-01, sampling_step: 5min}\n"
        "  training: {epochs: 9, batch: 8}\n"
    )
    done = train(
        "demo", "--out", tmp_path / "o", "--config", tmp_path / "t.yaml", "--epochs", 3,
        "--forecaster", "stid", "--workers", 2, "--streaming", "--tracking-uri", "http://server",
        "--set", "training.batch=4", "--set", "seed=2",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (job,) = asked
    assert (job.source, job.out, job.register_as) == ("demo", tmp_path / "o", "1.10")
    assert (job.resume, job.overwrite, job.distilled) == (False, True, None)
    config = job.config
    assert (config.training.epochs, config.training.batch, config.seed) == (3, 4, 2)
    assert (config.forecaster.name, config.worker.num_workers) == ("stid", 2)
    assert (config.data.start, config.data.sampling_step) == ("2012-03-01", "5min")
    assert (config.streaming, config.tracking.uri) == (True, "http://server")


def test_without_options_the_defaults_hold(asked, tmp_path):
    assert train("demo", "--out", tmp_path / "o").exit_code == 0
    (job,) = asked
    assert job.config == TrainConfig()
    assert (job.resume, job.overwrite, job.register_as) == (False, False, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--forecaster", "x"], "unknown forecaster"),
        (["--epochs", "0"], "config.training.epochs"),
        (["--workers", "-1"], "config.worker.num_workers"),
        (["--set", "matching.steps=3"], "config.matching: unknown setting"),
        (["--set", "training.learning_rate=.inf"], "finite"),
        (["--set", "seed"], "--set takes NAME=VALUE"),
        (["--distilled", "nowhere"], "nowhere does not exist"),
        (["--config", "nowhere.yaml"], "cannot be read"),
        (["--lookback", "9999"], "one window needs"),
        (["--register-as", "mine", "--set", "tracking.enabled=false"], "tracking"),
    ],
)
def test_bad_input_leaves_nothing_behind(tmp_path, options, words):
    check_refused(train("demo", "--out", tmp_path / "x", "--workers", "0", *options), words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--lookback=3", "--set=data.lookback=3", "--config={file}"])
def test_with_distilled_data_their_data_settings_hold(folder, tmp_path, option):
    (tmp_path / "t.yaml").write_text("config: {data: {lookback: 3}}\n")
    option = option.format(file=tmp_path / "t.yaml")
    result = train(SOURCE, "--out", tmp_path / "x", "--distilled", folder, *TINY_TRAINING, option)
    check_refused(result, f"a training on {folder} are those of that data set; leave out data.loo")
    assert not (tmp_path / "x").exists()


def test_with_a_graph(tmp_path):
    """Edges by position; the folder forecasts again without the file."""
    edges = "".join(f"{at},{(at + 1) % 24},{1 + at % 3}\n" for at in range(24))
    graph = tmp_path / "distance.csv"
    graph.write_text("from,to,cost\n" + edges)
    small = "--set=forecaster.options={channels: 4, graph_channels: 4, blocks: 1}"
    options = ["--forecaster", "stgcn", "--graph", graph, small, *TINY_TRAINING[2:]]
    result = train(SOURCE, "--out", tmp_path / "o", *options, "--lookback", 6, "--horizon", 4)
    assert result.exit_code == 0, result.output
    assert "graph distance.csv: 8 edges between 24 locations, weights from" in result.output
    graph.unlink()
    assert TrainedForecaster.load(tmp_path / "o" / "model").graph.num_edges == 8


def test_graphs_that_are_refused(tmp_path):
    out = ["--out", tmp_path / "o", "--set", "tracking.enabled=false", "--workers", 0]
    graph = tmp_path / "adj_mx.pkl"
    graph.write_bytes(b"x")
    stgcn = ["--forecaster", "stgcn", "--graph"]
    check_refused(train(SOURCE, *out, *stgcn, graph), "a pickle runs code when it is opened")
    np.save(tmp_path / "g.npy", 5 * np.ones((24, 24)))
    words = "say so by training.graph_kind (--graph-kind) = weights or distances"
    check_refused(train(SOURCE, *out, *stgcn, tmp_path / "g.npy"), words)
    words = "takes no graph (training.graph (--graph)); graph_wavenet, mtgnn, stgcn do"
    check_refused(train(SOURCE, *out, "--graph", tmp_path / "g.npy"), words)
    check_refused(train(SOURCE, *out, "--graph-kind", "weights"), "give training.graph (--graph)")
    check_refused(
        train(SOURCE, *out, *stgcn, graph, "--graph-kind", "roads"), "'weights' or 'distances'"
    )
    assert not (tmp_path / "o").exists()
