import json

import numpy as np
import pytest

from tests.cli.conftest import SOURCE, check_refused, run
from tests.test_contract import EVALUATION_KEYS


def test_table_and_json_file(folder, tmp_path):
    result = run("evaluate", folder, SOURCE, "--json", tmp_path / "e.json", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "ridge on lags" in result.output
    tree = json.loads((tmp_path / "e.json").read_text())
    assert set(tree) >= EVALUATION_KEYS
    assert tree["full_data"] is None
    assert tree["optimizer_steps"] == 4


def test_several_forecasters(folder, tmp_path):
    table = tmp_path / "table.csv"
    options = ["--epochs", "1", "--csv", table, "--protocol", "paper"]
    result = run("evaluate", folder, SOURCE, "--forecaster", "stid,dlinear", *options)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "optimiser steps (paper): distilled 4, random subset 1" in text
    assert [line.split(",")[0] for line in table.read_text().splitlines()[1:4]] == ["stid"] * 3


@pytest.fixture
def asked(monkeypatch):
    from stemdist_ray.cli import jobs

    asked = []
    monkeypatch.setattr(jobs, "run_evaluate", lambda job, console: asked.append(job))
    return asked


def test_options_become_settings(asked):
    options = ["--epochs", 2, "--repeats", 3, "--protocol", "paper", "--set", "seed=4"]
    assert run("evaluate", "d", "demo", "--forecaster", "stid", *options).exit_code == 0
    assert run("evaluate", "d", "demo", "--forecaster", "all", "--full-data").exit_code == 0
    one, every = asked
    assert one.layers == (
        {
            "forecaster": {"name": "stid"},
            "evaluation": {"epochs": 2, "repeats": 3, "protocol": "paper"},
        },
        {"seed": 4},
    )
    assert (one.forecasters, one.full_data) == (None, False)
    assert (every.layers, every.forecasters, every.full_data) == (({}, {}), ("all",), True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--csv", "t.csv"], "a CSV file holds the table of several forecasters"),
        (["--protocol", "unfair"], "evaluation.protocol (--protocol)"),
        (["--forecaster", "x"], "unknown forecaster"),
        (["--set", "evaluation.epoks=1"], "evaluation.epoks: unknown setting"),
        (
            ["--zero-shot", "magic"],
            "unknown zero-shot forecaster 'magic'; expected one of: fracast",
        ),
        (["--set", "evaluation.more_rows=[all]"], "unknown all; expected some of: st_prune, full"),
        (["--set", "matching.steps=3"], "found matching, which are those of the data set"),
        (["--set", "data.lookback=3"], "found data, which are those of the data set"),
    ],
)
def test_bad_input(folder, options, words):
    before = sorted(p.name for p in folder.iterdir())
    check_refused(run("evaluate", folder, SOURCE, *options), words)
    assert sorted(p.name for p in folder.iterdir()) == before


def test_wrong_folder_or_source(folder, tmp_path):
    check_refused(run("evaluate", tmp_path / "none", "demo"), "does not exist")
    check_refused(run("evaluate", folder, "demo"), "locations that are not those")


def test_a_graph_goes_to_those_that_take_one(folder, tmp_path):
    np.save(tmp_path / "adj.npy", np.eye(24, k=1))
    options = ["--epochs", "1", "--repeats", "1", "--set", "evaluation.rate_factors=[1.0]"]
    graph = ["--graph", tmp_path / "adj.npy"]
    result = run("evaluate", folder, SOURCE, "--forecaster", "dlinear,stgcn", *graph, *options)
    assert result.exit_code == 0, result.output
    assert "the graph goes to stgcn; dlinear take none" in " ".join(result.output.split())
    check_refused(run("evaluate", folder, SOURCE, *graph), "stid takes no graph")


def test_graph_options_become_settings(asked):
    assert run("evaluate", "d", "demo", "--graph", "g", "--graph-kind", "weights").exit_code == 0
    assert asked[0].layers[0] == {"evaluation": {"graph": "g", "graph_kind": "weights"}}
