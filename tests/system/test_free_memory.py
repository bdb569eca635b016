import resource

import psutil
import pytest

from stemdist_ray.errors import DataError
from stemdist_ray.system import free_memory as module
from stemdist_ray.system.free_memory import MemoryBudget, free_memory, in_words


def test_never_more_than_the_machine_has():
    assert 0 < free_memory() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("limit", "used", "statistics", "cache"),
    [
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "memory/memory.stat",
            "total_inactive_file",
        ),
    ],
)
def test_what_a_container_may_take(tmp_path, monkeypatch, limit, used, statistics, cache):
    (tmp_path / "memory").mkdir()
    (tmp_path / limit).write_text("1000\n")
    (tmp_path / used).write_text("900\n")
    (tmp_path / statistics).write_text(f"anon 5\n{cache} 300\n")
    monkeypatch.setattr(module, "_GROUP", tmp_path)
    assert free_memory() == 400
    (tmp_path / limit).write_text("max\n")
    assert free_memory() > 400


def test_what_ulimit_leaves(monkeypatch):
    own = psutil.Process().memory_info().rss
    limits = {resource.RLIMIT_DATA: own + 2**20, resource.RLIMIT_AS: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], -1))
    assert free_memory() <= 2**20 + 2**24


def test_budget():
    MemoryBudget(1200).check_readings("x", (10, 10))
    with pytest.raises(
        DataError,
        match=r"^x: 11 steps x 10 locations would need 1.3 KiB while it is read; expected at most "
        r"1.2 KiB, data.memory_budget. ",
    ):
        MemoryBudget(1200).check_readings("x", (11, 10))
    with pytest.raises(DataError, match="three quarters of what is free"):
        MemoryBudget().check_readings("x", (10**6, 10**6, 10**3))


@pytest.mark.parametrize(
    ("size", "words"), [(12, "12 bytes"), (2048, "2.0 KiB"), (3 * 2**40, "3.0 TiB")]
)
def test_in_words(size, words):
    assert in_words(size) == words


def test_sizes_of_unbelievable_headers():
    assert in_words(2.0**60).endswith("TiB")
