import errno
import os

import pytest

from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.system.outputs import check_local, check_writable, why_not_writable


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
