import subprocess
import sys

import pytest

from stemdist_ray.entry import read_job_file
from tests.conftest import ROOT


def test_reads_the_job(monkeypatch):
    path = ROOT / "jobs" / "configs" / "demo.yaml"
    monkeypatch.setattr(sys, "argv", ["distill.py", "--config", str(path)])
    job, console = read_job_file("what it does")
    assert job.source == "demo"
    assert console.width >= 80


@pytest.mark.parametrize("name", ["distill.py", "evaluate.py"])
def test_scripts_report_bad_input_in_one_line(name, tmp_path):
    (tmp_path / "bad.yaml").write_text("source: demo\n")
    command = [sys.executable, str(ROOT / "jobs" / name), "--config", str(tmp_path / "bad.yaml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "error: configuration: out: Field required\n"


@pytest.mark.parametrize("name", ["distill.py", "evaluate.py"])
def test_scripts_are_thin(name):
    assert len((ROOT / "jobs" / name).read_text().splitlines()) < 80
