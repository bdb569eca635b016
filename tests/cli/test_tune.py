import pytest

from stemdist_ray.cli import tune_jobs
from tests.cli.conftest import check_refused, run


@pytest.fixture
def asked(monkeypatch):
    jobs = []
    monkeypatch.setattr(tune_jobs, "run_tune", lambda job, console: jobs.append(job))
    return jobs


def tune(*arguments):
    return run("tune", *arguments)


def test_options_override_the_file(asked, tmp_path):
    (tmp_path / "s.yaml").write_text(
        "preset: demo\nconfig: {rounds: 2}\nsearch: {trials: 9, seed: 4, scheduler: none}\n"
    )
    done = tune(
        "demo", "--out", tmp_path / "o", "--config", tmp_path / "s.yaml", "--trials", 3,
        "--concurrent", 2, "--budget", 0.005, "--set", "matching.steps=2", "--workers", 0,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (job,) = asked
    assert (job.source, job.out, job.preset) == ("demo", tmp_path / "o", "demo")
    assert (job.search.trials, job.search.concurrent, job.search.budget) == (3, 2, 0.005)
    assert (job.search.seed, job.search.scheduler) == (4, "none")
    assert job.config == {"rounds": 2, "matching": {"steps": 2}, "worker": {"num_workers": 0}}
    assert not job.resume


def test_without_a_file(asked, tmp_path):
    done = tune("demo", "--out", tmp_path / "o", "--preset", "demo", "--searcher", "grid")
    assert done.exit_code == 0, done.output
    assert asked[0].search.searcher == "grid"
    assert asked[0].search.trials == 20


def test_one_seed_for_trials_and_search(asked, tmp_path):
    assert tune("demo", "--out", tmp_path / "o", "--seed", 5).exit_code == 0
    assert (asked[0].config["seed"], asked[0].search.seed) == (5, 5)


def test_assignments_come_last(asked, tmp_path):
    assert tune("demo", "--out", tmp_path / "o", "--seed", 5, "--set", "seed=6").exit_code == 0
    assert asked[0].config["seed"] == 6


def test_settings_of_trials_have_the_types_of_their_fields(asked, tmp_path):
    (tmp_path / "s.yaml").write_text("config: {data: {start: 2012-03-01, sampling_step: 5min}}\n")
    options = ["--config", tmp_path / "s.yaml", "--set", "tracking.experiment=1.10"]
    assert tune("demo", "--out", tmp_path / "o", *options).exit_code == 0
    assert asked[0].config == {
        "data": {"start": "2012-03-01", "sampling_step": "5min"},
        "tracking": {"experiment": "1.10"},
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget", "2"], "search.budget"),
        (["--searcher", "luck"], "search.searcher"),
    ],
)
def test_bad_input_is_one_line(asked, tmp_path, options, words):
    check_refused(tune("demo", "--out", tmp_path / "o", *options), words)
    assert asked == []


def test_settings_that_no_trial_knows(tmp_path):
    check_refused(tune("demo", "--out", tmp_path / "o", "--set", "a.b=1"), "a: unknown setting")
    assert list(tmp_path.iterdir()) == []
