import json

import pyarrow.parquet as pq
import pytest
import yaml

from jobs.benchmarks import methods_command
from jobs.benchmarks.methods_command import run_methods_command
from stemdist_ray.errors import ConfigError, FolderInUseError
from stemdist_ray.system.lease import Lease
from tests.jobs.benchmarks.methods_case import methods_config


@pytest.fixture(scope="module")
def config_file(npz, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    tree = methods_config(npz).model_dump(mode="json")
    path.write_text(yaml.safe_dump({**tree, "seeds": [0], "methods": ["medoid"]}))
    return path


@pytest.fixture(scope="module")
def done(config_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("methods") / "out"
    run_methods_command(config_file, out, 0, True, "the command")
    return out


def test_tables_figures_and_tracking(done):
    table = pq.read_table(done / "methods.parquet").to_pylist()
    assert {row["name"] for row in table if row["distilled"]} == {
        "random",
        "random_teacher",
        "medoid",
    }
    assert {row["track"] for row in table} == {"with_base", "network_alone", "closed_form"}
    assert all(len(row["errors"]) == 2 for row in table if row["distilled"])
    text = (done / "methods.md").read_text()
    assert text.count("| medoid |") == 2
    assert "### small, 5 %: networks alone" in text
    page = (done / "methods.html").read_text()
    assert page.count("<figure>") == 4
    assert "Content-Security-Policy" in page
    pictures = sorted(path.stem for path in (done / "figures").glob("*.png"))
    assert pictures == [
        f"small-{track}-{what}"
        for track in ("network_alone", "with_base")
        for what in ("errors", "seconds")
    ]
    for name in pictures:
        assert f"(figures/{name}.png)" in text


def test_a_nested_run_per_cell(done):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{done.parent / 'mlflow.db'}")
    runs = client.search_runs(["1"])
    parent = next(run for run in runs if run.data.tags["stemdist.job"] == "methods")
    children = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.run_name for run in children) == [
        f"small/{name}/0.05/0" for name in ("medoid", "random", "random_teacher")
    ]
    assert all(r.data.metrics["with_base.distilled.relative_rmse"] > 0 for r in children)


def test_known_cells_are_not_computed_again(done, config_file, monkeypatch, capsys):
    before = (done / "methods.parquet").read_bytes()
    monkeypatch.setattr(methods_command, "run_cell", lambda *unused: pytest.fail("computed again"))
    run_methods_command(config_file, done, 0, False, "the command")
    assert (done / "methods.parquet").read_bytes() == before
    assert "3 cells, 3 of them known already" in capsys.readouterr().out


def test_one_cell_that_is_gone_is_computed_alone(done, config_file, monkeypatch):
    cells = done / "cells"
    gone = cells / "small__medoid__0.05__0.json"
    before, real, computed = json.loads(gone.read_text()), methods_command.run_cell, []
    gone.unlink()
    monkeypatch.setattr(
        methods_command,
        "run_cell",
        lambda shared, task: computed.append(task.name) or real(shared, task),
    )
    run_methods_command(config_file, done, 0, False, "the command")
    assert computed == ["small/medoid/0.05/0"]
    again = json.loads(gone.read_text())
    for track in ("with_base", "network_alone"):
        errors = [tree["cell"]["tracks"][track]["distilled"]["errors"] for tree in (before, again)]
        assert errors[0] == errors[1]


def test_what_is_refused(done, config_file, tmp_path):
    with Lease(done), pytest.raises(FolderInUseError):
        run_methods_command(config_file, done, 0, False, "the command")
    with pytest.raises(ConfigError, match="s3"):
        run_methods_command(config_file, type(done)("s3://bucket/x"), 0, False, "the command")
    changed = tmp_path / "changed.yaml"
    tree = yaml.safe_load(config_file.read_text())
    tree["settings"]["evaluation"]["epochs"] = 2
    changed.write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError, match="other settings"):
        run_methods_command(changed, done, 0, False, "the command")
