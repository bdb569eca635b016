import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from stemdist_ray.cli.app import app
from stemdist_ray.config import flatten
from tests.conftest import TINY

SOURCE = "sim:traffic?locations=24,steps=400,seed=3"
SETTINGS = [f"--set={k}={json.dumps(v)}" for k, v in flatten(TINY).items()]
TINY_RUN = ["--preset", "demo", *SETTINGS]


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def check_refused(result, words):
    """Bad input is one line on standard error and exit code 2, and nothing else."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def _interruptible():
    """A suite that runs in the background inherits an ignored SIGINT; a terminal's does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def stemdist(*arguments):
    """The command in a process of its own, which does not outlive the test."""
    with subprocess.Popen(
        [sys.executable, "-m", "stemdist_ray.cli", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_interruptible,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def wait_for_file(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A data set that the command distilled with the settings TINY."""
    folder = tmp_path_factory.mktemp("runs") / "tiny run"
    result = run("distill", SOURCE, "--out", folder, *TINY_RUN)
    assert result.exit_code == 0, result.output
    return folder
