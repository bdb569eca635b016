import json
import subprocess
import sys

import pytest

from jobs.benchmarks import command as module
from jobs.benchmarks.clustering import ClusteringCase
from jobs.benchmarks.command import run_clustering_command, run_kernels_command
from stemdist_ray.errors import ConfigError
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"only": "nothing"}, "no such case; there are 42x40 training_step"),
        ({"repeats": 0}, "--repeats and --threads take numbers from 1"),
        ({"device": "tpu"}, "--device tpu: not usable here"),
    ],
)
def test_bad_settings(settings, words):
    good = {"only": None, "repeats": 1, "threads": 1, "device": "cpu", "json_file": None}
    with pytest.raises(ConfigError, match=words):
        run_kernels_command(reference="x:y", command="", **{**good, **settings})


@pytest.mark.slow  # measures in processes of their own
def test_job_prints_a_table_and_writes_the_figures(tmp_path):
    path = tmp_path / "kernels.json"
    script = str(ROOT / "jobs" / "benchmark.py")
    options = ["kernels", "--only", "42x40 training", "--repeats", "1", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, script, *options, "--json", str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "42x40 training_step" in done.stdout
    tree = json.loads(path.read_text())
    assert tree["ratios"]["42x40 training_step"] > 0
    assert tree["memory_ratios"]["42x40 training_step"] > 0
    assert tree["command"].startswith("python jobs/benchmark.py kernels --only")
    assert tree["hardware"]["cpu_count"] >= 1
    assert tree["versions"]["torch"]


def test_job_refuses_with_one_line(tmp_path):
    script = str(ROOT / "jobs" / "benchmark.py")
    done = subprocess.run(
        [sys.executable, script, "kernels", "--only", "nothing"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert "no such case" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_clustering_prints_a_table_and_writes_the_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "COMPARED", ClusteringCase(60, 300, 6, 20, compare=True))
    path = tmp_path / "clustering.json"
    run_clustering_command(year=False, json_file=path, command="as typed")
    assert "60x300 clustering" in capsys.readouterr().out
    tree = json.loads(path.read_text())
    assert tree["ratios"]["60x300 clustering"] > 0
    assert tree["memory_ratios"]["60x300 clustering"] >= 0
    assert tree["rows"][0]["same_labels"] is True
    assert tree["command"] == "as typed"
