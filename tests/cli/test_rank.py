import json

import pytest

from stemdist_ray.cli import rank_jobs
from tests.cli.conftest import SOURCE, check_refused, run

THREE = """
- {forecaster: stid, learning_rate: 1e-2}
- {forecaster: dlinear, learning_rate: 1e-2, name: line}
- {forecaster: dlinear, learning_rate: 1e-5}
"""


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "three.yaml"
    path.write_text(THREE)
    return path


def test_table_and_json_file(folder, three, tmp_path):
    options = ["--epochs", "1", "--full-epochs", "1", "--json", tmp_path / "r.json"]
    some = ["--trained-on", "distilled,random_subset", "--seed", "2"]
    result = run("rank", folder, SOURCE, "--configs", three, *options, *some)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for words in ("Spearman", "random subset", "3 configurations, 1 seed each", "rank.md"):
        assert words in text
    tree = json.loads((tmp_path / "r.json").read_text())
    assert list(tree["ranked"]) == ["distilled", "random_subset", "full_data"]
    assert tree["seed"] == 2
    check_refused(run("rank", folder, SOURCE, "--configs", three, *options), "seed was 2 and is 0")


@pytest.fixture
def asked(monkeypatch):
    asked = []
    monkeypatch.setattr(rank_jobs, "run_rank", lambda job, console: asked.append(job))
    return asked


def test_options_become_settings(asked, three, tmp_path):
    (tmp_path / "job.yaml").write_text("rank: {resamples: 7}\nconfig: {seed: 1}\n")
    options = ["--epochs", 2, "--repeats", 3, "--full-epochs", 4, "--set", "worker.threads=2"]
    more = [
        "--workers",
        0,
        "--track",
        "with_base",
        *("--finalists", 5),
        "--overwrite",
        "--config",
        tmp_path / "job.yaml",
    ]
    assert run("rank", "d", "demo", "--configs", three, *options, *more).exit_code == 0
    (job,) = asked
    assert job.config == {
        "seed": 1,
        "evaluation": {"epochs": 2, "repeats": 3, "full_data_epochs": 4},
        "worker": {"num_workers": 0, "threads": 2},
    }
    assert (job.rank.resamples, job.rank.track, job.rank.finalists) == (7, "with_base", 5)
    assert job.overwrite
    assert [one.name for one in job.rank.configurations] == [None, "line", None]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--track", "both"], "rank.track"),
        (["--finalists", "0"], "rank.finalists"),
        (["--trained-on", "ridge"], "found ridge; it trains no configuration"),
        (["--trained-on", "equal_seconds"], "needs distilled and node_sampled"),
        (["--set", "evaluation.curve=[3]"], "found evaluation.curve"),
        (["--set", "data.lookback=3"], "found data"),
        (["--configs", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
    ],
)
def test_bad_input(folder, options, words):
    check_refused(run("rank", folder, SOURCE, *options), words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {forecaster: nobody}", "unknown forecaster 'nobody'"),
        ("- {forecaster: stid}", "at least 3 configurations; found 1"),
        ("- {forecaster: stid, rate: 3}", "rate: unknown setting"),
        ("grid: {forecaster: []}", "rank.grid.forecaster"),
        ("- 3", "rank.configurations.0"),
    ],
)
def test_bad_configurations(folder, tmp_path, text, words):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    check_refused(run("rank", folder, SOURCE, "--configs", path), words)


def test_wrong_folder_or_source(folder, tmp_path, three):
    check_refused(run("rank", tmp_path / "none", "demo"), "does not exist")
    check_refused(run("rank", folder, "demo", "--configs", three), "locations that are not those")
