import shutil

import pytest

from stemdist_ray.artifact.generation import finish_swap, generation, locate, next_generation
from stemdist_ray.system import points
from stemdist_ray.system.seal import write_sealed


class DeadError(BaseException):
    pass


def save(folder, text, *names):
    with next_generation(folder) as aside:
        for name in names:
            (aside / name).write_text(text)
        write_sealed(aside / "manifest.json", {"schema_version": 4, "text": text}, names)


def files(folder):
    found = {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }
    found.pop("manifest.json", None)
    return found


def test_what_was_said_of_the_one_before_steps_aside(tmp_path):
    save(tmp_path, "one", "a", "b", "base.json")
    first = generation(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "evaluation.json").write_text("of one")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "x.svg").write_text("of one")
    save(tmp_path, "two", "a", "b")
    assert files(tmp_path) == {
        "a": "two",
        "b": "two",
        "mine.txt": "mine",
        "stale/evaluation.json": "of one",
        "stale/figures/x.svg": "of one",
    }
    assert generation(tmp_path) != first
    assert generation(tmp_path / "none") is None


def test_one_that_fails_leaves_the_one_before(tmp_path):
    save(tmp_path, "one", "a")
    with pytest.raises(RuntimeError), next_generation(tmp_path) as aside:
        (aside / "a").write_text("half")
        raise RuntimeError
    assert files(tmp_path) == {"a": "one"}


@pytest.mark.parametrize(
    "point", ["data set written", "data set half swapped", "data set all but swapped"]
)
def test_a_swap_that_was_cut_off_is_seen_whole_and_finished(tmp_path, monkeypatch, point):
    run = tmp_path / "run"
    save(run, "one", "a", "b", "c", "gone")
    copies = []
    monkeypatch.setattr(points, "_listeners", [])
    points.listen(
        lambda now: (
            copies.append(shutil.copytree(run, tmp_path / "cut"))
            if now == point and not copies
            else None
        )
    )
    save(run, "two", "a", "b", "c")
    (cut,) = copies
    assert {name: locate(cut, name).read_text() for name in "abc"} == dict.fromkeys("abc", "two")
    assert generation(cut) == generation(run)
    finish_swap(cut)
    assert files(cut) == files(run) == dict.fromkeys("abc", "two")
    assert sorted(p.name for p in cut.iterdir()) == ["a", "b", "c", "manifest.json"]


def test_one_that_was_not_written_whole_is_removed(tmp_path):
    save(tmp_path, "one", "a")
    (tmp_path / ".next").mkdir()
    (tmp_path / ".next" / "a").write_text("half")
    assert locate(tmp_path, "a").read_text() == "one"
    finish_swap(tmp_path)
    assert not (tmp_path / ".next").exists()
