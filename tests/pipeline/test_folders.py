import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemdist_ray.errors import ArtifactError, ConfigError, FolderInUseError
from stemdist_ray.pipeline.folders import RunFolder, check_folder, owned
from stemdist_ray.progress import SilentReporter


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def run_in(folder, *, resume=False, overwrite=False):
    with RunFolder(folder, resume=resume, overwrite=overwrite) as run:
        run.make()
        assert names(folder)[0] == ".lease"
        return run.resumes


def test_an_existing_folder_is_never_lost(tmp_path):
    folder = tmp_path / "run"
    run_in(folder)
    check_folder(folder, resume=False, overwrite=False)  # empty: fine
    (folder / "mine.txt").write_text("1")
    for resume in (False, True):
        with pytest.raises(ArtifactError, match="holds files already"):
            run_in(folder, resume=resume)
    assert names(folder) == ["mine.txt"]
    for text in ("2", "3"):
        run_in(folder, overwrite=True)
        assert names(folder) == []
        (folder / "mine.txt").write_text(text)
    kept = sorted(p.read_text() for p in tmp_path.glob("run*/mine.txt"))
    assert kept == ["1", "2", "3"]


def test_out_may_not_be_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="is a file"):
        check_folder(tmp_path / "file", resume=False, overwrite=True)
    with pytest.raises(ArtifactError, match="cannot be created"):
        run_in(tmp_path / "file" / "below")


def test_out_may_not_be_an_address():
    with pytest.raises(ConfigError, match="out is s3:/bucket/run, an address"):
        check_folder(Path("s3://bucket/run"), resume=False, overwrite=False)


@pytest.mark.parametrize("resume", [True, False])
def test_what_never_really_began_counts_as_nothing(tmp_path, resume):
    folder = tmp_path / "run"
    for name in ("checkpoint/.000001.tmp", ".next", ".manifest.json.ab.tmp"):
        (folder / name).mkdir(parents=True)
    (folder / ".next" / "x.parquet").write_text("half")
    (folder / "tracking.json").write_text("{}")
    (folder / "undelivered").mkdir()
    (folder / "undelivered" / "x.jsonl").write_text("{}")
    (folder / ".synthetic.parquet.x.tmp").write_text("half")
    assert not run_in(folder, resume=resume)
    assert names(folder) == ["undelivered"]
    assert names(folder / "undelivered") == ["x.jsonl"]
    assert not list(tmp_path.glob("*.previous"))


@pytest.mark.parametrize("resume", [True, False])
def test_members_of_a_teacher_stay_where_a_run_may_go_on_with_them(tmp_path, resume):
    member = tmp_path / "checkpoint" / "teacher" / "abc" / "0.member"
    member.parent.mkdir(parents=True)
    member.write_text("trained")
    (tmp_path / "checkpoint" / ".000001.tmp").mkdir()
    assert not run_in(tmp_path, resume=resume)
    assert member.exists() == resume
    assert names(tmp_path) == (["checkpoint"] if resume else [])
    if resume:
        assert names(tmp_path / "checkpoint") == ["teacher"]


def test_nothing_to_resume_is_said(tmp_path):
    lines = []
    reporter = SilentReporter()
    reporter.say = lines.append
    with RunFolder(tmp_path / "run", resume=True, overwrite=False) as run:
        run.say_if_anew(reporter)
    assert lines == [f"{tmp_path / 'run'} holds nothing to resume yet; starting from the beginning"]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", [{}, {"resume": True}, {"overwrite": True}])
def test_one_run_at_a_time(tmp_path, more):
    folder = tmp_path / "run"
    with RunFolder(folder, resume=False, overwrite=False) as run:
        run.make()
        with pytest.raises(FolderInUseError, match="is in use"):
            run_in(folder, **more)
        with pytest.raises(FolderInUseError, match="is in use"), owned(folder):
            pass
    with owned(folder) as reason:
        assert reason is None


def test_two_who_find_no_folder_and_make_it_at_once(tmp_path):
    folder = tmp_path / "run"
    with (
        RunFolder(folder, resume=False, overwrite=False) as one,
        RunFolder(folder, resume=False, overwrite=False) as other,
    ):
        one.make()
        with pytest.raises(FolderInUseError, match="is in use"):
            other.make()
    with RunFolder(folder, resume=True, overwrite=False) as late:
        (folder / "mine.txt").write_text("")
        with pytest.raises(ArtifactError, match="was taken by another run meanwhile"):
            late.make()


def test_adding_to_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refuse)
    with owned(tmp_path) as reason:
        assert reason == "Read-only file system"


@pytest.mark.slow  # starts three processes
def test_the_second_run_says_who_holds_the_folder(tmp_path):
    waits = (
        "import sys\nfrom pathlib import Path\n"
        "from stemdist_ray.pipeline.folders import RunFolder\n"
        "with RunFolder(Path(sys.argv[1]), resume=False, overwrite=False) as run:\n"
        "    run.make()\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    out = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", waits, str(out)], stdin=-1, stdout=-1, text=True
    ) as first:
        try:
            assert first.stdout.readline() == "held\n"
            pid = json.loads((out / ".lease").read_text())["pid"]
            for command in (["distill", "demo", "--out", out], ["report", out]):
                done = subprocess.run(
                    [sys.executable, "-m", "stemdist_ray.cli", *map(str, command)],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert done.returncode == 2
                assert done.stderr.count("\n") == 1
                assert f"is in use by process {pid}" in done.stderr
        finally:
            first.kill()
