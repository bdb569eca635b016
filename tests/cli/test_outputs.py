import io
from pathlib import Path

import pytest
from rich.console import Console

from stemdist_ray.cli.outputs import check_files, check_outputs, check_stays, say
from stemdist_ray.errors import ConfigError


@pytest.fixture
def copy_of_ray(tmp_path, monkeypatch):
    """A working directory as that of a submitted job."""
    folder = tmp_path / "runtime_resources" / "working_dir_files" / "_ray_pkg_abc"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("copy_of_ray")
def test_relative_outputs_of_a_submitted_job_are_refused():
    with pytest.raises(ConfigError, match=r"out is runs/a, .* would be lost.*/shared/runs/a"):
        check_outputs(out=Path("runs/a"))
    with pytest.raises(ConfigError, match="json_file is e.json"):
        check_outputs(out=Path("/shared/a"), json_file=Path("e.json"), csv_file=None)


def test_below_the_copy_too(copy_of_ray, monkeypatch):
    (copy_of_ray / "jobs").mkdir()
    monkeypatch.chdir(copy_of_ray / "jobs")
    with pytest.raises(ConfigError, match="would be lost"):
        check_outputs(out=Path("../a"))


@pytest.mark.usefixtures("copy_of_ray")
def test_absolute_outputs_are_welcome():
    check_outputs(out=Path("/shared/a"), json_file=None)


def test_anywhere_else_outputs_may_be_relative(tmp_path, monkeypatch):
    (tmp_path / "my_ray_pkg_").mkdir()
    monkeypatch.chdir(tmp_path / "my_ray_pkg_")
    check_outputs(out=Path("runs/a"), csv_file=Path("e.csv"))


def test_results_of_earlier_jobs_that_the_copy_does_not_hold(copy_of_ray):
    with pytest.raises(ConfigError, match="distilled is runs/a, a relative path, which Ray's copy"):
        check_stays(distilled=Path("runs/a"))
    check_stays(distilled=Path("/shared/a"), other=None)
    (copy_of_ray / "runs" / "a").mkdir(parents=True)
    check_stays(distilled=Path("runs/a"))


def test_anywhere_else_what_is_missing_is_left_to_its_reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_stays(distilled=Path("runs/a"))


def test_lines_are_printed_as_they_are():
    console = Console(file=io.StringIO(), width=20)
    text = "wrote [bold]runs[/bold]: 12 windows x 10 locations"
    say(console, text)
    assert console.file.getvalue() == text + "\n"


def test_files_can_be_written_where_they_are_wanted(tmp_path):
    (tmp_path / "file").write_text("kept")
    check_files(json_file=None, csv_file=tmp_path / "new" / "folder" / "x.csv")
    check_files(json_file=tmp_path / "file")
    with pytest.raises(ConfigError, match=r"json_file is .*, a folder; give the name of a file"):
        check_files(json_file=tmp_path)
    with pytest.raises(ConfigError, match=r"csv_file is .*/x.csv, but .*/file is a file"):
        check_files(csv_file=tmp_path / "file" / "below" / "x.csv")
