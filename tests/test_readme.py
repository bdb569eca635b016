"""Every command in the README does what it says."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from stemdist_ray.config import flatten
from tests.conftest import ROOT, TINY

TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
SHELL = [
    line.split("#")[0].strip()
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.splitlines()
    if line.strip()
]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]
SETTINGS = [f"--set={k}={json.dumps(v)}" for k, v in flatten(TINY).items()]
BIN = Path(sys.executable).parent


def environment(folder):
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder)}


def run(command, folder, **options):
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder,
        env=environment(folder), **options,
    )  # fmt: skip


def test_blocks_are_where_we_look_for_them():
    assert len(PYTHON) == 3
    assert "make demo" in SHELL
    assert "make test" in SHELL


def test_own_data(tmp_path):
    commands = [shlex.split(c) for c in SHELL if c.startswith("stemdist")]
    names = [c[1] for c in commands]
    assert names == [
        *("describe", "distill", "evaluate", "report", "ui"),
        *("tune", "report", "forecasters", "evaluate"),
    ]
    user_interface = commands.pop(names.index("ui"))
    source = "sim:traffic?locations=24,steps=400,seed=3"
    for command in commands:
        arguments = [source if a == "SOURCE" else a for a in command]
        if command[1] == "distill":
            # Only the size of the work is changed; ratios are given in the README.
            arguments += [s for s in SETTINGS if "ratio" not in s and "tracking" not in s]
        if command[1] == "tune":
            arguments = ["2" if a == "20" else a for a in arguments] + ["--concurrent", "2"]
            arguments += [s for s in SETTINGS if "ratio" not in s and "tracking" not in s]
        done = run(arguments, tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "mine.json").exists()
    assert (tmp_path / "runs" / "mine" / "report.html").exists()
    assert (tmp_path / "runs" / "ratios" / "report.html").exists()
    assert len((tmp_path / "runs" / "ratios" / "trials.csv").read_text().splitlines()) == 3
    assert "stid,distilled," in (tmp_path / "runs" / "mine.csv").read_text()
    check_ui(user_interface, tmp_path)


def check_ui(command, folder):
    port = "25123"
    process = subprocess.Popen(
        [*command, "--port", port], cwd=folder, env=environment(folder),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        answer = None
        for _ in range(180):
            time.sleep(0.5)
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as page:
                    answer = page.read()
                    break
            except OSError:
                continue
        assert answer == b"OK"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def test_python_interface(tmp_path):
    done = run([sys.executable, "-c", PYTHON[0]], tmp_path)
    assert done.returncode == 0, done.stderr
    assert 0.1 < float(done.stdout) < 2


def test_train_and_load_back(tmp_path):
    done = run([sys.executable, "-c", PYTHON[1]], tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\(12, \d+\)", done.stdout.splitlines()[-1])


def test_own_forecaster(tmp_path):
    use = f"""
from stemdist_ray import build_config, distill
tiny = {TINY!r}
config = build_config("demo", {{**tiny, "forecaster": {{"name": "mine"}}}})
result = distill("sim:traffic?locations=24,steps=400,seed=3", "run", config)
print(result.dataset.config.forecaster.name)
"""
    done = run([sys.executable, "-c", PYTHON[2] + use], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "mine"


def test_cluster_commands_are_those_of_the_integration_test():
    commands = [c for c in SHELL if c.startswith("ray job submit")]
    script = (ROOT / "tests" / "integration" / "test_ray_job.py").read_text()
    assert len(commands) == 4
    for command in commands:
        words = shlex.split(command)
        assert words[:6] == ["ray", "job", "submit", "--working-dir", ".", "--"]
        assert words[7] in script
        assert (ROOT / words[-1]).exists()


def test_files_and_targets_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z-]+)", TEXT)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for name in ("CONTRIBUTING.md", "CITATION.cff", "LICENSE", "CHANGELOG.md", "constraints.txt"):
        assert (ROOT / name).exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_make_demo(tmp_path):
    done = run(["make", "-C", str(ROOT), "demo", f"RUNS={tmp_path}/runs"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("round 3/3", "ridge on lags", "look further:"):
        assert words in done.stdout
    assert (tmp_path / "runs" / "demo" / "report.html").exists()


@pytest.mark.slow
def test_benchmarks(tmp_path):
    commands = [shlex.split(c) for c in SHELL if "jobs/benchmark.py" in c]
    assert [c[2] for c in commands] == ["kernels", "round", "clustering"]
    smaller = {
        "kernels": ["--only", "42x40 training", "--repeats", "1"],
        "round": ["--source", "sim:traffic?locations=60,steps=300", "--repeats", "1"],
        "clustering": [],
    }
    for command in commands:
        arguments = [a for a in command[2:] if a != "--year"] + smaller[command[2]]
        done = run([sys.executable, str(ROOT / "jobs" / "benchmark.py"), *arguments], tmp_path)
        assert done.returncode == 0, done.stderr
        written = json.loads((tmp_path / command[-1]).read_text())
        assert all(ratio > 0 for ratio in written["ratios"].values())
