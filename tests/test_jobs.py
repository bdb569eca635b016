import io

import pytest
from rich.console import Console

from stemdist_ray.errors import ConfigError
from stemdist_ray.jobs import DistillJob, JobFile, run_distill, run_evaluate
from stemdist_ray.yaml_files import read_yaml
from tests.conftest import ROOT, TINY

SOURCE = "sim:traffic?locations=24,steps=400,seed=3"


def job_file(folder, **more):
    return JobFile.parse(
        {"source": SOURCE, "out": str(folder), "preset": "demo", "config": TINY, **more}
    )


def test_distill_then_evaluate(tmp_path):
    console = Console(file=io.StringIO(), width=120)
    job = job_file(tmp_path / "run", json_file=str(tmp_path / "e.json"))
    result = run_distill(job.distill_job(), console)
    assert result.best_round in (0, 1, 2)
    table = run_evaluate(job.evaluate_job(), console)
    assert table.distilled.test.repeats == 2
    assert (tmp_path / "e.json").exists()
    assert "stemdist ui" in console.file.getvalue()


def test_resume_starts_where_there_is_nothing(tmp_path):
    assert job_file(tmp_path / "none", resume=True).distill_job().resume is False


def test_all_problems_of_a_job_file_are_reported():
    with pytest.raises(ConfigError) as caught:
        JobFile.parse({"out": "x", "colour": 1})
    assert "source: Field required" in str(caught.value)
    assert "colour: unknown setting" in str(caught.value)


@pytest.mark.parametrize("path", [ROOT / "jobs" / "configs" / "demo.yaml"], ids=lambda p: p.name)
def test_shipped_job_files_are_valid(path):
    job = JobFile.parse(read_yaml(path)).distill_job()
    assert isinstance(job, DistillJob)
    assert job.config().num_shards >= 1
