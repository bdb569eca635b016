import errno
import os

import pytest
import sqlalchemy

from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.system.outputs import (
    check_local,
    check_writable,
    move_aside,
    sqlite_path,
    sqlite_uri,
    why_not_writable,
)


@pytest.mark.parametrize("path", ["s3://bucket/run", "gs:/bucket/run", "file:///tmp/x"])
def test_addresses_are_refused(path):
    with pytest.raises(ConfigError, match="an address; results are written to a folder"):
        check_local(path)


@pytest.mark.parametrize("path", ["runs/a:b", "/tmp/x", "a b/c?#%", "C:/runs"])
def test_paths_are_not(path):
    check_local(path)


def test_folders_that_exist_or_will(tmp_path):
    for folder in (tmp_path, tmp_path / "a" / "b"):
        check_writable(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plain", "a?b#c%41 d", "50%"])
def test_addresses_of_sqlite_name_the_file_whatever_it_is_called(tmp_path, name):
    (tmp_path / name).mkdir()
    path = tmp_path / name / "x.db"
    engine = sqlalchemy.create_engine(sqlite_uri(path))
    with engine.connect() as connection:
        connection.exec_driver_sql("create table t (a int)")
    engine.dispose()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert sqlite_path(sqlite_uri(path)) == path
    assert sqlite_path("http://server") is None


def test_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"cannot be created: .*file is a file; give another"):
        check_writable(tmp_path / "file" / "run")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_machine_says(tmp_path, monkeypatch, number):
    def refuse(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    assert why_not_writable(tmp_path) == os.strerror(number)
    with pytest.raises(ArtifactError, match=f"cannot be written to: {os.strerror(number)}"):
        check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_steps_aside_is_never_lost(tmp_path):
    for text in ("one", "two", "three"):
        (tmp_path / "x.csv").write_text(text)
        assert move_aside(tmp_path / "x.csv") == tmp_path / "x.csv.previous"
        for old in tmp_path.glob("x.csv.previous"):
            os.utime(old, (1e9 + len(text), 1e9 + len(text)))
    assert {path.read_text() for path in tmp_path.iterdir()} == {"one", "two", "three"}
