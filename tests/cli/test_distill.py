import numpy as np
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.config import build_config
from tests.cli.conftest import SOURCE, TINY_RUN, check_refused, run
from tests.conftest import TINY


def test_says_what_it_wrote_and_how_to_go_on(tmp_path):
    out = tmp_path / "a run"
    result = run("distill", SOURCE, "--out", out, *TINY_RUN, "--set", "rounds=0")
    assert result.exit_code == 0, result.output
    assert f"wrote {out}: 12 windows x 10 locations" in result.output
    assert f"next: stemdist evaluate '{out}' '{SOURCE}'" in result.output


def test_settings_arrive(folder):
    assert SyntheticDataset.load(folder).config == build_config("demo", TINY)


def test_seed_decides(folder, tmp_path):
    again = run("distill", SOURCE, "--out", tmp_path / "a", *TINY_RUN)
    other = run("distill", SOURCE, "--out", tmp_path / "b", "--seed", "1", *TINY_RUN)
    assert (again.exit_code, other.exit_code) == (0, 0)
    one, same, different = (
        SyntheticDataset.load(p).x for p in (folder, tmp_path / "a", tmp_path / "b")
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, different)


def test_config_file_and_flags(tmp_path):
    (tmp_path / "c.yaml").write_text("rounds: 5\nmatching: {steps: 1}\nworker: {num_workers: 0}\n")
    result = run(
        "distill", SOURCE, "--out", tmp_path / "a", *TINY_RUN,
        "--config", tmp_path / "c.yaml", "--rounds", "1", "--spatial-ratio", "0.2",
        "--set", "spatial_ratio=0.25", "--set", "rounds=1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    config = SyntheticDataset.load(tmp_path / "a").config
    assert config.spatial_ratio == 0.25
    assert config.rounds == 1


@pytest.fixture
def asked(monkeypatch):
    from stemdist_ray.cli import jobs

    asked = []
    monkeypatch.setattr(jobs, "run_distill", lambda job, console: asked.append(job))
    return asked


def test_file_then_flags_then_assignments(asked, tmp_path):
    (tmp_path / "c.yaml").write_text(
        "rounds: 5\nseed: 5\nnum_shards: 5\ntracking: {experiment: 1.10}\n"
        "data: {start: 2012-03-01, sampling_step: 5min}\n"
    )
    result = run(
        "distill", "demo", "--out", tmp_path / "o", "--config", tmp_path / "c.yaml", "--preset",
        "demo", "--rounds", 6, "--seed", 6, "--set", "seed=7", "--forecaster", "stid",
        "--workers", 0, "--shards", 2, "--lookback", 3, "--missing-value", 0,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (job,) = asked
    config = job.config()
    assert (job.preset, config.rounds, config.seed, config.num_shards) == ("demo", 6, 7, 2)
    assert (config.forecaster.name, config.worker.num_workers) == ("stid", 0)
    assert (config.data.start, config.data.sampling_step) == ("2012-03-01", "5min")
    assert (config.data.lookback, config.data.missing_values) == (3, (0.0,))
    assert config.tracking.experiment == "1.10"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "a=1"], "a: unknown setting"),
        (["--set", "matching.learning_rate=.inf"], "finite"),
        (["--spatial-ratio", "2"], "spatial_ratio (--spatial-ratio): Input should be less than"),
        (["--preset", "x"], "unknown preset"),
        (["--forecaster", "x"], "unknown forecaster"),
        (["--set", "teacher.forecasters=[stid, x]"], "unknown forecaster"),
        (["--set", "teacher.forecasters=[stid, mtgnn, dlinear]"], "3 kinds for 2 members"),
        (["--lookback", "9999"], "one window needs"),
        (["--start", "2012-03-01"], "leave out data.start"),
    ],
)
def test_bad_input_leaves_nothing_behind(tmp_path, options, words):
    check_refused(run("distill", "demo", "--out", tmp_path / "x", *options), words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rounds: 1\nrounds: 2\n", "rounds is given twice"),
        ("[1, 2]", "expected a mapping"),
        ("a: [1", "not YAML"),
        ("rouds: 1\n", "rouds: unknown setting"),
    ],
)
def test_bad_files(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    options = ["--out", tmp_path / "x", "--config", tmp_path / "c.yaml"]
    check_refused(run("distill", "demo", *options), words)
    assert not (tmp_path / "x").exists()


def test_a_finished_run_is_not_written_over(folder):
    before = sorted(p.name for p in folder.iterdir())
    result = run("distill", "demo", "--out", folder)
    check_refused(result, "holds a finished run already")
    assert "choose another --out, or move it aside with --overwrite" in result.stderr
    assert sorted(p.name for p in folder.iterdir()) == before


def test_a_graph_is_refused(tmp_path):
    result = run("distill", SOURCE, "--out", tmp_path / "o", "--graph", "adj.npz")
    check_refused(result, "give it to stemdist evaluate or train")
