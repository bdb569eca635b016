import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.cli.app import app
from tests.cli.conftest import SOURCE, TINY_RUN, check_refused, run, stemdist, wait_for_file

COMMANDS = (
    *("demo", "describe", "convert", "distill", "evaluate", "rank", "report", "export"),
    *("train", "tune", "forecasters", "methods", "ui", "sync"),
)


def help_of(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_commands_and_their_order():
    assert [c.callback.__name__ for c in app.registered_commands] == list(COMMANDS)
    text = run("--help").output
    assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in COMMANDS)


def test_bad_input_of_any_command_is_one_line_and_exit_code_2(tmp_path):
    for arguments in (
        ["describe", "nowhere.csv"],
        ["convert", "nowhere.csv", tmp_path / "x.csv"],
        ["distill", "nowhere.csv", "--out", tmp_path / "x"],
        ["train", "nowhere.csv", "--out", tmp_path / "x"],
        ["tune", "nowhere.csv", "--out", tmp_path / "x"],
    ):
        check_refused(run(*arguments), "no such file")
    for arguments in (["evaluate", tmp_path / "x", "demo"], ["report", tmp_path / "x"]):
        check_refused(run(*arguments), "does not exist")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("distill", "spatial_ratio (--spatial-ratio): Input should be less than"),
        ("tune", "spatial_ratio: Input should be less than"),  # which has no such flag
    ],
)
def test_errors_name_the_flags_of_the_command(tmp_path, command, said):
    result = run(command, "demo", "--out", tmp_path / "x", "--set", "spatial_ratio=2")
    check_refused(result, said)


@pytest.mark.parametrize("arguments", [["distill"], ["describe", "demo", "--colour"], ["nonsense"]])
def test_usage_errors(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(command):
    assert "--help" in help_of(command)


def test_help_shows_defaults():
    text = help_of("distill")
    for words in (
        "default: 0.1",
        "default: 0.05",
        "default: 4",
        "default: 12",
        "--budget",
        "--season",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("distill", "Outer rounds. [default: 0; paper: 100]"),
        ("distill", "Shards per round; part of the algorithm. [default: 4; paper: 1]"),
        ("distill", "[default: as many as fit]"),
        ("evaluate", "Seeds per row. [default: 3; demo: 2]"),
        ("evaluate", "serial, no Ray. [default: as DIR was distilled]"),
        ("evaluate", "[default: 100; demo: 25]"),
        ("train", "[default: 20]"),
        ("tune", "Points tried. [default: 20]"),
        ("describe", "may be repeated. [default: none]"),
    ],
)
def test_help_shows_the_defaults_of_the_configuration(command, words):
    assert words in help_of(command)


@pytest.mark.parametrize(
    "signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_interrupted_run_tells_how_to_go_on(tmp_path, folder, signum):
    out = tmp_path / "it's here"
    options = [*TINY_RUN, "--rounds", "2", "--set", "rounds=500"]
    with stemdist("distill", SOURCE, "--out", out, *options) as process:
        wait_for_file(out / "checkpoint" / "current", process)
        process.send_signal(signum)
        output, errors = process.communicate()
    assert process.returncode == 130, output + errors
    line = next(t for t in output.splitlines() if t.startswith("interrupted; go on with:"))
    assert line.endswith("--resume")
    assert "Traceback" not in errors
    done = CheckpointStore(out).load().state.round
    rounds = max(2, done)
    result = run("distill", SOURCE, "--out", out, "--resume", "--rounds", rounds)
    assert result.exit_code == 0, result.output
    undisturbed = folder
    if rounds > 2:
        undisturbed = tmp_path / "undisturbed"
        run("distill", SOURCE, "--out", undisturbed, *TINY_RUN, "--set", f"rounds={rounds}")
    ours, calm = SyntheticDataset.load(out), SyntheticDataset.load(undisturbed)
    np.testing.assert_array_equal(ours.x, calm.x)


def test_startup_does_not_wait_for_torch():
    code = (
        "import sys, stemdist_ray.cli.app; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'mlflow', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reader_that_goes_away():
    process = subprocess.run(
        f"{sys.executable} -m stemdist_ray.cli describe demo | head -n 1",
        shell=True, capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert "Traceback" not in process.stderr
    assert "source" in process.stdout
