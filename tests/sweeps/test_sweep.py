import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from stemdist_ray import SyntheticDataset
from stemdist_ray.errors import ArtifactError, ConfigError, ExecutionError
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.sweep import SweepConfig, search
from tests.conftest import TINY
from tests.sweeps.conftest import Lines, small_series, sweep_config

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]


def test_a_sweep_with_trials_that_fail(sweep):
    result, reporter = sweep
    assert [t.status for t in result.trials].count("finished") == 2
    failed = [t for t in result.trials if t.status == "failed"]
    assert len(failed) == 2
    assert all("non-finite" in t.reason for t in failed)
    assert sum("failed: " in line for line in reporter.lines) == 2
    assert reporter.bar == [4, 4]
    assert result.best in result.front
    first = next(i for i, line in enumerate(reporter.lines) if "test split" in line)
    assert "test" not in " ".join(reporter.lines[:first])  # the test split comes last


def test_the_test_split_is_read_for_chosen_points_only(sweep):
    result, _ = sweep
    assert [t.id for t in result.trials if t.test is not None] == [c.id for c in result.chosen]
    evaluated = {p.parent.name for p in (result.path / "trials").glob("*/evaluation.json")}
    assert evaluated == {c.id for c in result.chosen}


def test_what_a_sweep_leaves_behind(sweep):
    result, _ = sweep
    best = SyntheticDataset.load(result.path / "best")
    assert best.x.shape[2] == result.best.metrics["locations"]
    assert (result.path / "best" / "README.md").exists()
    assert not (result.path / "best" / "checkpoint").exists()
    tree = json.loads((result.path / "results.json").read_text())
    assert tree["best"] == result.best.id
    assert len((result.path / "trials.csv").read_text().splitlines()) == 5
    assert (result.path / "report.html").exists()


def test_defaults_of_trials_give_way_to_settings():
    layer = SweepConfig(config={"validation": {"every": 3}, "num_shards": 2}).space().layer
    assert layer["validation"] == {"every": 3}
    assert layer["worker"] == {"coordinator_threads": 1}
    assert layer["num_shards"] == 2


def test_no_sweep_holds_a_password():
    sweep = SweepConfig(config={"tracking": {"uri": "http://me:Hunter2Hunter2@host"}})
    assert "Hunter2" not in repr(sweep) + sweep.model_dump_json()
    assert sweep.space().layer["tracking"] == {"uri": "http://me:***@host"}


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("resume", [False, True])  # with nothing to go on with it begins
def test_a_machine_too_small_for_a_trial_is_said_at_once(tmp_path, resume):
    config = sweep_config()
    config = config.model_copy(update={"config": {**config.config, "worker": {"num_workers": 5}}})
    with pytest.raises(ExecutionError, match="one trial wants 5.5 CPU"):
        search(small_series(), tmp_path / "run", config, resume=resume)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("local_ray")
@pytest.mark.slow
def test_optuna_asha_and_a_budget(tmp_path):
    changes = {
        "searcher": "tpe", "scheduler": "asha", "grace_rounds": 1, "trials": 3, "budget": 0.02,
        "space": {"spatial_ratio": {"log": [0.1, 0.5]}}, "evaluate_points": 0,
        "objectives": ["error"],
    }  # fmt: skip
    result = search(small_series(), tmp_path / "run", sweep_config(**changes), reporter=Lines())
    assert len(result.trials) == 3
    for trial in result.trials:
        product = trial.point["spatial_ratio"] * trial.point["temporal_ratio"]
        assert product == pytest.approx(0.02)
    assert result.chosen == ()
    assert len(result.front) == 1


def test_resuming_needs_the_same_readings(sweep):
    result, _ = sweep
    other = small_series().with_changes(values=small_series().values + 1)
    with pytest.raises(ConfigError, match="not those it was begun with"):
        search(other, result.path, resume=True)
    with pytest.raises(ArtifactError, match="holds files already"):
        search(small_series(), result.path)


@pytest.mark.slow  # two sweeps in processes of their own
def test_a_killed_driver_goes_on(tmp_path):
    """SIGKILL while trials run; with --resume finished ones are kept and the others go on."""
    settings = {k: v for k, v in TINY.items() if k not in ("spatial_ratio", "tracking")}
    tree = {
        "preset": "demo",
        "config": {**settings, "rounds": 2},
        "search": {
            "searcher": "random", "scheduler": "none", "trials": 3, "evaluate_points": 1,
            "concurrent": 1, "space": {"spatial_ratio": {"log": [0.1, 0.5]}},
        },
    }  # fmt: skip
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(tree))
    stemdist = str(Path(sys.executable).parent / "stemdist")
    source = "sim:traffic?locations=24,steps=400,seed=3"
    command = [stemdist, "tune", source, "--out", "sweep", "--config", "sweep.yaml"]
    environment = {k: v for k, v in os.environ.items() if k != "RAY_AUTH_MODE"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    store = SweepStore(tmp_path / "sweep")
    try:
        while not any(r.number == 2 and r.history for r in store.records()):
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = store.records()
    done = subprocess.run(
        [stemdist, "tune", source, "--out", "sweep", "--resume"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    after = store.records()
    assert [r.status for r in after] == ["finished"] * 3
    assert after[0] == before[0] or after[0].history == before[0].history
    assert "trials that no other one beats" in done.stdout
    assert "\x1b[" not in done.stdout  # quiet in a pipe
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("stemdist").experiment_id
    runs = client.search_runs([experiment])
    (parent,) = [r for r in runs if r.data.tags["stemdist.job"] == "tune"]
    children = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == 3
    assert {r.info.status for r in [parent, *children]} == {"FINISHED"}
    rounds = client.get_metric_history(children[0].info.run_id, "validation_relative_rmse")
    assert len({m.step for m in rounds}) == 3
    names = {a.path for a in client.list_artifacts(parent.info.run_id)}
    assert {"best", "figures", "report.html", "results.json", "pareto.csv"} <= names
    assert "best/README.md" in {a.path for a in client.list_artifacts(parent.info.run_id, "best")}
