import pytest
from rich.console import Console

from stemdist_ray import tune_jobs
from stemdist_ray.errors import ConfigError
from stemdist_ray.tune_jobs import TuneFile, run_tune
from stemdist_ray.tuning.records import SweepStore
from stemdist_ray.yaml_files import read_yaml
from tests.conftest import ROOT


@pytest.mark.parametrize("path", sorted((ROOT / "tuning" / "configs").glob("*.yaml")))
def test_shipped_files_describe_sweeps(path):
    from stemdist_ray.tuning.sweep import SweepConfig

    job = TuneFile.parse(read_yaml(path))
    SweepConfig(preset=job.preset, config=job.config, search=job.search).space().check()
    assert f"--config tuning/configs/{path.name}" in path.read_text()


def test_mistakes_are_reported_together():
    with pytest.raises(ConfigError, match=r"search.trials.*search.serch|search.serch"):
        TuneFile.parse({"source": "demo", "out": "x", "search": {"trials": 0, "serch": 1}})


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
