import logging
import threading

import numpy as np
import pytest

from stemdist_ray.artifact import member_files
from stemdist_ray.artifact.member_files import MemberStore, member_key
from stemdist_ray.distillation.teacher import Member
from stemdist_ray.system.lease import Lease


def member(index=0, error=0.1 + 0.2):
    weights = {
        "series.weight": np.random.default_rng(index).normal(size=(3, 2)).astype(np.float32),
        "steps/taken": np.array(7),
    }
    return Member(weights, error, 1.5, 200.25, index)


@pytest.fixture
def store(tmp_path, tiny_config):
    return MemberStore(tmp_path, tiny_config, "abc")


def assert_same(one, two):
    assert (one.error, one.seconds, one.peak_rss_mib, one.index) == (
        two.error, two.seconds, two.peak_rss_mib, two.index
    )  # fmt: skip
    assert list(one.weights) == list(two.weights)
    for name, array in one.weights.items():
        np.testing.assert_array_equal(array, two.weights[name])
        assert array.dtype == two.weights[name].dtype


def test_members_come_back_as_they_were(store):
    assert store.load(0) is None
    for index in (1, 0):
        store.save(member(index))
    for index in (0, 1):
        assert_same(store.load(index), member(index))


def test_a_changed_bit_is_found_and_the_member_trained_again(store, caplog):
    store.save(member())
    (path,) = store.folder.glob("*.member")
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert store.load(0) is None
    assert "it is trained again" in caplog.text
    store.save(member())
    assert_same(store.load(0), member())


def test_what_decides_a_member_is_in_its_key(tiny_config):
    def key(**changes):
        return member_key(tiny_config.model_copy(update=changes), "abc")

    def section(part, **changes):
        return key(**{part: getattr(tiny_config, part).model_copy(update=changes)})

    same = key()
    assert key(spatial_ratio=0.2, temporal_ratio=0.1, num_shards=1, rounds=9) == same
    assert section("teacher", members=5) == same
    assert section("matching", steps=9) == same
    assert section("validation", epochs=9) == same
    assert section("worker", num_workers=3) == same
    others = [
        *(key(seed=1), key(base="none"), member_key(tiny_config, "abd")),
        section("teacher", epochs=9),
        section("teacher", windows=9),
        section("forecaster", name="dlinear"),
        section("validation", windows=9),
        section("worker", threads=2),
        section("data", lookback=7),
    ]
    assert len({same, *others}) == len(others) + 1


def test_another_run_is_waited_for(tmp_path, tiny_config, monkeypatch):
    monkeypatch.setattr(member_files, "_WAIT", 0.01)
    store = MemberStore(tmp_path, tiny_config, "abc", shared=True)
    store.folder.mkdir()
    lease, waiting, said = Lease(store.folder), threading.Event(), []

    def wait():
        waiting.set()
        with store.held(1):
            said.append(store.load(0))

    with lease:
        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait()
        thread.join(0.1)
        assert said == []
        store.save(member())
        thread.join()
    assert_same(said[0], member())


def test_who_comes_first_holds_the_folder(tmp_path, tiny_config):
    store = MemberStore(tmp_path, tiny_config, "abc", shared=True)
    with store.held(1):
        assert (store.folder / ".lease").exists()
        store.save(member())
    assert [path.name for path in store.folder.iterdir()] == ["0.member"]
    with store.held(1):
        assert not (store.folder / ".lease").exists()
