import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from stemdist_ray import SyntheticDataset
from stemdist_ray.cli import app
from stemdist_ray.config import flatten
from tests.conftest import TINY
from tests.test_contract import EVALUATION_KEYS

SOURCE = "sim:traffic?locations=24,steps=400,seed=3"
SETTINGS = [f"--set={k}={json.dumps(v)}" for k, v in flatten(TINY).items()]


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def stemdist(*arguments, **options):
    command = [sys.executable, "-m", "stemdist_ray.cli", *map(str, arguments)]
    # A suite that runs in the background inherits an ignored SIGINT; a user's terminal does not.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny run"
    result = run("distill", SOURCE, "--out", folder, "--preset", "demo", *SETTINGS)
    assert result.exit_code == 0, result.output
    assert "wrote" in result.output
    assert "next: stemdist evaluate" in result.output
    return folder


def test_forecasters_are_listed():
    text = run("forecasters").output
    tree = json.loads(run("forecasters", "--json").output)
    names = {row["name"] for row in tree}
    assert {"mtgnn", "agcrn", "dlinear", "itransformer"} <= names
    assert all(name in text for name in names)
    assert "arXiv:2005.11650" in text


def test_describe_text_and_json():
    text = run("describe", SOURCE).output
    assert "400 steps x 24 locations" in text
    assert "speed (km/h)" in text
    tree = json.loads(run("describe", SOURCE, "--json").output)
    assert tree["locations"] == 24
    assert tree["statistics"][0]["mean"] > 50


def test_describe_with_options(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n0,1\n2,3\n")
    options = ["--missing-value", "0", "--start", "2024-01-01", "--sampling-step", "1h"]
    tree = json.loads(run("describe", path, "--json", *options).output)
    assert tree["missing_share"] == 0.25
    assert tree["sampling_seconds"] == 3600
    assert "zeros count as readings" in run("describe", path).output


def test_convert(tmp_path):
    result = run("convert", SOURCE, tmp_path / "x.parquet")
    assert result.exit_code == 0
    assert "wrote" in result.output
    assert "400 steps" in run("describe", tmp_path / "x.parquet").output


def test_evaluate_and_report(folder, tmp_path):
    result = run("evaluate", folder, SOURCE, "--json", tmp_path / "e.json", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "ridge on lags" in result.output
    tree = json.loads((tmp_path / "e.json").read_text())
    assert set(tree) >= EVALUATION_KEYS
    assert tree["full_data"] is None
    assert tree["optimizer_steps"] == 4
    result = run("report", folder)
    assert result.exit_code == 0
    assert (folder / "report.html").exists()


def test_evaluate_several_forecasters(folder, tmp_path):
    table = tmp_path / "table.csv"
    options = ["--epochs", "1", "--csv", table, "--protocol", "paper"]
    result = run("evaluate", folder, SOURCE, "--forecaster", "stid,dlinear", *options)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "optimiser steps (paper): distilled 4, random subset 1" in text
    assert [line.split(",")[0] for line in table.read_text().splitlines()[1:4]] == ["stid"] * 3
    result = run("evaluate", folder, SOURCE, "--csv", table)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a CSV file holds the table of several forecasters" in result.stderr
    result = run("evaluate", folder, SOURCE, "--protocol", "unfair")
    assert result.exit_code == 2
    assert "evaluation.protocol" in result.stderr


def test_seed_decides(folder, tmp_path):
    options = ["--preset", "demo", *SETTINGS]
    again = run("distill", SOURCE, "--out", tmp_path / "a", *options)
    other = run("distill", SOURCE, "--out", tmp_path / "b", "--seed", "1", *options)
    assert (again.exit_code, other.exit_code) == (0, 0)
    one, same, different = (
        SyntheticDataset.load(p).x for p in (folder, tmp_path / "a", tmp_path / "b")
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, different)


def test_config_file_and_flags(tmp_path):
    (tmp_path / "c.yaml").write_text("rounds: 5\nmatching: {steps: 1}\nworker: {num_workers: 0}\n")
    result = run(
        "distill", SOURCE, "--out", tmp_path / "a", "--preset", "demo", *SETTINGS,
        "--config", tmp_path / "c.yaml", "--rounds", "1", "--spatial-ratio", "0.2",
        "--set", "spatial_ratio=0.25", "--set", "rounds=1",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    config = SyntheticDataset.load(tmp_path / "a").config
    assert config.spatial_ratio == 0.25
    assert config.rounds == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["describe", "nowhere.csv"], "no such file"),
        (["describe", "sim:rain"], "unknown simulation"),
        (["distill", "demo", "--out", "{tmp}/x", "--set", "a=1"], "a: unknown setting"),
        (
            ["distill", "demo", "--out", "{tmp}/x", "--spatial-ratio", "2"],
            "less than or equal to 1",
        ),
        (["distill", "demo", "--out", "{tmp}/x", "--preset", "x"], "unknown preset"),
        (["distill", "demo", "--out", "{tmp}/x", "--forecaster", "x"], "unknown forecaster"),
        (["distill", "demo", "--out", "{tmp}/x", "--resume"], "nothing to resume"),
        (["distill", "demo", "--out", "{tmp}/x", "--lookback", "9999"], "one window needs"),
        (["distill", "demo", "--out", "{folder}"], "holds a finished run already"),
        (["evaluate", "{tmp}/none", "demo"], "does not exist"),
        (["evaluate", "{folder}", "demo"], "locations that are not those"),
        (["evaluate", "{folder}", SOURCE, "--forecaster", "x"], "unknown forecaster"),
        (["report", "{tmp}"], "expected a folder written by stemdist distill"),
        (["convert", SOURCE, "{tmp}/x.doc"], "cannot write"),
        (["ui", "{tmp}"], "no tracking store"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, words, folder, tmp_path):
    before = sorted(p.name for p in folder.iterdir())
    result = run(*(a.format(tmp=tmp_path, folder=folder) for a in arguments))
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [["distill"], ["describe", "demo", "--colour"], ["nonsense"]])
def test_usage_errors(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["describe", "convert", "distill", "evaluate", "report", "ui"])
def test_help_of_every_command(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "--help" in result.output


def test_help_shows_defaults():
    text = run("distill", "--help").output
    for words in ("default: 0.1", "default: 0.05", "default: 4", "default: 10", "default: 12"):
        assert words in " ".join(text.split())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_tells_how_to_go_on(tmp_path, folder, signum):
    out = tmp_path / "it's here"
    options = ["--preset", "demo", *SETTINGS, "--rounds", "2", "--set", "rounds=500"]
    process = stemdist("distill", SOURCE, "--out", out, *options)
    deadline = time.monotonic() + 120
    while not (out / "checkpoint" / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signum)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, output + errors
    line = next(t for t in output.splitlines() if t.startswith("interrupted; go on with:"))
    assert line.endswith("--resume")
    assert "Traceback" not in errors
    result = run("distill", SOURCE, "--out", out, "--resume", "--rounds", "2")
    assert result.exit_code == 0, result.output
    ours, undisturbed = SyntheticDataset.load(out), SyntheticDataset.load(folder)
    if len(ours.manifest["history"]) == 3:
        np.testing.assert_array_equal(ours.x, undisturbed.x)


def test_startup_does_not_wait_for_torch():
    code = "import sys, stemdist_ray.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reader_that_goes_away():
    process = subprocess.run(
        f"{sys.executable} -m stemdist_ray.cli describe demo | head -n 1",
        shell=True, capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert "Traceback" not in process.stderr
    assert "source" in process.stdout
