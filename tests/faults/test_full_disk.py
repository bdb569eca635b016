"""A disk that is full for a while, at any moment: one line, and nothing is lost."""

import errno
import os
import shutil

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, distill, evaluate
from stemdist_ray.errors import ArtifactError


def full_from(monkeypatch, number):
    """From the ``number``-th time on that something is brought to the disk, there is no room."""
    real, count = os.fsync, []

    def fsync(handle):
        count.append(1)
        if len(count) >= number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_run_goes_on_when_there_is_room_again(
    artifact, traffic, tiny_config, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    for number in (1, 4, 9, 16, 40):
        with monkeypatch.context() as patch:
            full_from(patch, number)
            with pytest.raises((OSError, ArtifactError), match="No space left on device"):
                distill(traffic, folder, tiny_config, resume=True)
    result = distill(traffic, folder, tiny_config, resume=True)
    np.testing.assert_array_equal(result.dataset.x, SyntheticDataset.load(artifact).x)
    assert not list(folder.rglob(".*"))


def test_the_table_of_an_artifact_that_cannot_be_written_to(
    artifact, traffic, tmp_path, monkeypatch, reporter_lines
):
    folder = tmp_path / "run"
    shutil.copytree(artifact, folder, ignore=shutil.ignore_patterns("evaluation.json", "stale"))
    reporter, lines = reporter_lines
    before = sorted(folder.rglob("*"))
    full_from(monkeypatch, 1)
    table = evaluate(folder, traffic, reporter=reporter)
    assert table.distilled.test.repeats == 2
    assert sorted(folder.rglob("*")) == before
    assert "cannot be written to (No space left on device): the table is not written" in lines[0]
    assert "--json PATH writes it elsewhere" in lines[0]


@pytest.fixture
def reporter_lines():
    from stemdist_ray.progress import SilentReporter

    lines = []
    reporter = SilentReporter()
    reporter.say = lines.append
    return reporter, lines
