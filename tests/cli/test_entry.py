import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stemdist_ray.cli.entry import job_process, parse_options, read_job_file
from stemdist_ray.errors import ArtifactError, ConfigError
from tests.conftest import ROOT

DEMO = ROOT / "jobs" / "configs" / "demo.yaml"
SCRIPTS = ["jobs/distill.py", "jobs/evaluate.py", "jobs/train.py", "tuning/search.py"]


def start(script, *options, cwd):
    command = [sys.executable, str(ROOT / script), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_reads_the_job(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["distill.py", "--config", str(DEMO)])
    job, console = read_job_file("what it does")
    assert job.source == "demo"
    assert job.out == Path("runs/demo")
    assert console.width >= 80


def test_the_output_folder_may_be_another_one(monkeypatch):
    argv = ["distill.py", "--config", str(DEMO), "--out", "/shared/2012"]
    monkeypatch.setattr(sys, "argv", argv)
    job, _ = read_job_file("what it does")
    assert job.out == Path("/shared/2012")
    assert job.distill_job().out == job.evaluate_job().folder == Path("/shared/2012")
    tree, _ = parse_options("what it does")
    assert tree["out"] == Path("/shared/2012")
    assert tree["source"] == "demo"


def test_keys_of_the_file_may_be_other_ones(monkeypatch):
    given = ["out=/a", "config.tracking.experiment=1.10", "config.worker={num_workers: 0}"]
    options = [f"--set={text}" for text in given]
    monkeypatch.setattr(
        sys, "argv", ["distill.py", "--config", str(DEMO), *options, "--out", "/shared"]
    )
    job, _ = read_job_file("what it does")
    assert job.out == Path("/shared")
    assert job.config == {
        "num_shards": 4,
        "worker": {"num_workers": 0},
        "tracking": {"experiment": "1.10"},
    }


@pytest.mark.parametrize(
    ("text", "words"), [("rounds", "NAME=VALUE"), ("colour=1", "colour: unknown setting")]
)
def test_keys_that_no_file_has(monkeypatch, text, words):
    monkeypatch.setattr(sys, "argv", ["distill.py", "--config", str(DEMO), "--set", text])
    with pytest.raises(ConfigError, match=words):
        read_job_file("what it does")


def test_errors_of_a_job_are_in_the_words_of_its_file(capsys):
    with pytest.raises(SystemExit) as caught, job_process():
        raise ArtifactError("go on with resume=True; data.start is x")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: go on with resume: true; data.start is x\n"


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_report_bad_input_in_one_line(name, tmp_path):
    (tmp_path / "bad.yaml").write_text("source: demo\n")
    result = start(name, "--config", "bad.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "error: configuration: out: Field required\n"


@pytest.mark.parametrize("name", ["jobs/train.py", "tuning/search.py"])
def test_scripts_take_an_output_folder(name, tmp_path):
    (tmp_path / "job.yaml").write_text(yaml.safe_dump({"source": "nowhere.csv"}))
    (tmp_path / "taken").write_text("a file")
    result = start(name, "--config", "job.yaml", "--out", "taken", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "taken" in result.stderr
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_thin(name):
    assert len((ROOT / name).read_text().splitlines()) < 80
