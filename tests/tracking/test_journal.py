import json

import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.tracking.journal import UNDELIVERED, Address, Journal, Leftover, Record, leftovers

ADDRESS = Address("http://me:Hunter2Hunter2@host", "stemdist", None)


def filled(path, count=3):
    journal = Journal(path, ADDRESS)
    for step in range(count):
        journal.append(
            Record("ref-1", "metrics", {"values": {"loss": 1.5}, "step": step, "when": 9})
        )
    return journal


def left_in(path):
    left = Leftover(path)
    left.close()
    return list(left.records)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / UNDELIVERED / "1-a.jsonl"


def test_what_is_left_after_a_death(path):
    journal = filled(path)
    journal.delivered(1)
    with pytest.raises(BlockingIOError):
        Leftover(path)
    journal._close()  # as the system does when a process dies
    left = Leftover(path)
    assert left.address == Address("http://me:***@host", "stemdist", None)
    assert [(n, r.run, r.call, r.data["step"]) for n, r in left.records.items()] == [
        (2, "ref-1", "metrics", 1), (3, "ref-1", "metrics", 2),
    ]  # fmt: skip
    assert b"Hunter2" not in path.read_bytes()
    left.delivered(2)
    left.close()
    again = Leftover(path)
    assert list(again.records) == [3]
    again.delivered(3)
    assert not path.parent.exists()


def test_a_file_goes_with_its_last_record(path):
    journal = filled(path)
    for number in (1, 2, 3):
        journal.delivered(number)
    assert path.exists()  # more may come
    journal.finish()
    assert not path.parent.exists()


def test_a_line_that_was_cut_off_is_no_record(path):
    filled(path)._close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    left = Leftover(path)
    assert list(left.records) == [1, 2]
    left.delivered(1)
    left.close()
    assert left_in(path) == [2]
    for size in (0, 3):
        path.write_bytes(whole[:size])
        assert left_in(path) == []


@pytest.mark.parametrize("text", ["[]\n", "{}\n", "x\n", '{"format": 2}\n', "null\n1\n"])
def test_damage_is_named(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"1-a.jsonl is damaged: .*; remove it"):
        Leftover(path)


def test_where_nothing_can_be_written_records_are_counted(tmp_path):
    (tmp_path / "run").write_text("a file")
    journal = filled(tmp_path / "run" / UNDELIVERED / "a.jsonl")
    assert (journal.pending, journal.kept) == (3, False)
    journal.delivered(1)
    assert journal.pending == 2
    assert filled(None).pending == 3


def test_oldest_first(tmp_path):
    for name in ("b/undelivered/2-a.jsonl", "a/undelivered/3-a.jsonl", "undelivered/1-z.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({}))
    assert [p.stem for p in leftovers(tmp_path)] == ["1-z", "2-a", "3-a"]
