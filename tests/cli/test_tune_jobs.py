import pytest
from rich.console import Console

from stemdist_ray.cli import tune_jobs
from stemdist_ray.cli.files import TuneFile
from stemdist_ray.cli.tune_jobs import run_tune
from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.records import SweepStore


@pytest.mark.parametrize("begun", [True, False])
def test_an_interruption_says_how_to_go_on(tmp_path, monkeypatch, capsys, begun):
    job = TuneFile(source="demo", out=tmp_path / "a sweep")
    if begun:
        SweepStore(job.out).write_settings({})

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(tune_jobs, "search", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_tune(job, Console(width=120))
    said = capsys.readouterr().out
    if begun:
        assert f"stemdist tune demo --out '{tmp_path}/a sweep' --resume" in said
    else:
        assert "nothing to resume yet" in said


def test_a_sweep_that_would_be_lost_is_refused(tmp_path, monkeypatch):
    (tmp_path / "_ray_pkg_0").mkdir()
    monkeypatch.chdir(tmp_path / "_ray_pkg_0")
    with pytest.raises(ConfigError, match="out is runs/sweep, a relative path"):
        run_tune(TuneFile(source="demo", out="runs/sweep"), Console())
