import json
import math
import time

import pytest

from stemdist_ray.tracking import delivery
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.delivery import Courier
from stemdist_ray.tracking.journal import UNDELIVERED, Address, Leftover, leftovers
from stemdist_ray.tracking.queued import QueuedTracker, same_store
from stemdist_ray.tracking.system_metrics import SystemSampler

HIDDEN, WHOLE = "http://me:***@host", "http://me:Hunter2Hunter2@host"


class Store:
    """Gives every run a number."""

    uri = WHOLE

    def __init__(self):
        self.taken, self.runs, self.down = [], {}, False

    def check(self):
        if self.down:
            raise OSError("away")

    def load(self):
        pass

    def deliver(self, record, again):
        self.check()
        self.taken.append((record.call, record.data))
        if record.call == "start":
            self.runs[record.run] = f"run{len(self.runs)}"

    def run_id(self, reference):
        return self.runs.get(reference)


@pytest.fixture
def store():
    return Store()


def tracker(store, folder):
    return QueuedTracker(Courier(store), Address(store.uri, "stemdist"), folder)


def told(one):
    one.start(RunDescription("mine", {"a": (1, 2), "b": None}, {"x": "y"}))
    one.log_metrics({"loss": 1.0, "bad": math.nan, "none": None}, 3)
    one.log_artifact(one._folder / "a.txt", "files")
    one.finish("FINISHED")


def test_what_is_told_arrives_and_leaves_nothing_behind(store, tmp_path):
    one = tracker(store, tmp_path)
    assert (one.run_id, one.reference) == (None, None)
    before = time.time() * 1000 - 1
    told(one)
    assert (one.run_id, one.reference) == ("run0", "run0")
    assert [call for call, _ in store.taken] == ["start", "metrics", "artifact", "finish"]
    start, metrics, artifact, _ = [data for _, data in store.taken]
    assert start["params"] == {"a": "(1, 2)", "b": "None"}
    assert metrics["values"] == {"loss": 1.0}
    assert before < metrics["when"] <= time.time() * 1000
    assert artifact == {"path": str(tmp_path / "a.txt"), "folder": "files"}
    assert list(tmp_path.iterdir()) == []


def test_what_waits_is_said_and_kept(store, tmp_path, caplog):
    store.down = True
    one = tracker(store, tmp_path)
    told(one)
    assert one.run_id is None
    assert one.reference.startswith("ref-")
    assert f"4 records wait; deliver them with: stemdist sync {tmp_path}" in caplog.text
    assert "Hunter2" not in caplog.text
    (path,) = (tmp_path / UNDELIVERED).iterdir()
    assert b"Hunter2" not in path.read_bytes()
    one._journal._close()
    left = Leftover(path)
    left.close()
    assert [r.call for r in left.records.values()] == ["start", "metrics", "artifact", "finish"]
    assert left.records[1].data["params"] == {"a": "(1, 2)", "b": "None"}


def test_the_next_run_in_a_folder_sends_ahead_what_waits(store, tmp_path):
    store.down = True
    first = tracker(store, tmp_path)
    told(first)
    first._journal._close()
    store.down = False
    second = tracker(store, tmp_path)
    second.start(RunDescription("mine", existing_run_id=first.reference))
    second.finish("FINISHED")
    calls = [call for call, _ in store.taken]
    assert calls == ["start", "metrics", "artifact", "finish", "start", "finish"]
    assert store.taken[4][1]["existing_run_id"] == first._reference
    assert list(tmp_path.iterdir()) == []


def test_what_waits_for_another_store_is_left_alone(store, tmp_path):
    store.down = True
    first = QueuedTracker(Courier(store), Address("http://other", "stemdist"), tmp_path)
    told(first)
    first._journal._close()
    store.down = False
    told(tracker(store, tmp_path))
    assert len(list(leftovers(tmp_path))) == 1
    assert len(store.taken) == 4


def test_what_does_not_fit_in_memory_waits_in_order(store, tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "LONGEST_QUEUE", 2)
    store.down = True
    one = tracker(store, tmp_path)
    told(one)
    store.down = False
    one._courier._last_try = 0.0
    one._courier.wait(one._is_delivered)
    assert [call for call, _ in store.taken] == ["start", "metrics"]
    with one._journal._lock:  # the thread takes note of a delivery a moment after the store has it
        one._journal._close()
    left = Leftover(next(leftovers(tmp_path)))
    left.close()
    calls = [r.call for r in left.records.values()]
    assert calls == ["artifact", "finish"]


def test_same_store():
    assert same_store(Address(HIDDEN, "a"), Address(WHOLE, "a"))
    assert not same_store(Address(HIDDEN, "a"), Address(WHOLE, "b"))


@pytest.mark.parametrize("down", [False, True])
def test_the_load_of_the_machine_goes_the_same_way(store, tmp_path, monkeypatch, down):
    monkeypatch.setattr(SystemSampler.__init__, "__defaults__", (0.001,))
    store.down = down
    one = QueuedTracker(Courier(store), Address(store.uri, "stemdist"), tmp_path, sampled=True)
    one.start(RunDescription("mine"))
    end = time.monotonic() + 60
    while one._journal._count < 4 and time.monotonic() < end:
        time.sleep(0.001)
    one.finish("FINISHED")
    if down:
        (path,) = (tmp_path / UNDELIVERED).iterdir()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        taken = [(line["call"], line) for line in lines if "call" in line]
    else:
        taken = store.taken
    assert [call for call, _ in taken][:2] == ["start", "metrics"]
    assert taken[-1][0] == "finish"
    samples = [data for call, data in taken if call == "metrics"]
    assert [data["step"] for data in samples] == list(range(len(samples)))
    assert len(samples) >= 3
    assert samples[0]["values"]["system/system_memory_usage_megabytes"] > 0
