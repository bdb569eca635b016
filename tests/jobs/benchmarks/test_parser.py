import subprocess
import sys
from pathlib import Path

import pytest

from jobs.benchmarks.parser import parser

ROOT = Path(__file__).resolve().parents[3]


def test_commands_and_their_defaults():
    assert vars(parser("about").parse_args(["step", "--windows", "60", "--windows", "960"])) == {
        "command": "step", "windows": [60, 960], "locations": 160, "device": "cpu",
        "repeats": 5, "settings": [], "json": None,
    }  # fmt: skip
    found = parser("about").parse_args(["methods", "--config", "a.yaml", "--out", "there"])
    assert (found.config, found.out, found.workers) == (Path("a.yaml"), Path("there"), 0)
    assert parser("about").parse_args(["scale", "--shards", "4", "16"]).shards == [4, 16]


@pytest.mark.parametrize("given", [[], ["nothing"], ["methods"], ["step", "--windows", "many"]])
def test_what_is_missing_or_unknown(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        parser("about").parse_args(given)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_every_command_has_something_to_run():
    script = (
        "import sys; sys.path.insert(0, '.'); from jobs import benchmark as b; import json;"
        "from jobs.benchmarks.parser import parser; p = parser('');"
        "known = p._subparsers._group_actions[0].choices;"
        "sys.exit(0 if set(known) == set(b._COMMANDS) else 1)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
