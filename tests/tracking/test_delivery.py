import threading

import pytest

from stemdist_ray.tracking import delivery
from stemdist_ray.tracking.delivery import Courier, Refused
from stemdist_ray.tracking.journal import Address, Journal, Record


class Store:
    """Takes records down, unless it is told otherwise."""

    uri = "http://me:Hunter2Hunter2@host"

    def __init__(self):
        self.records, self.again, self.fail, self.asked, self.loaded = [], [], None, 0, 0
        self.open = threading.Event()
        self.open.set()

    def check(self):
        self.asked += 1
        self.open.wait(10)
        if isinstance(self.fail, OSError):
            raise self.fail

    def load(self):
        self.loaded += 1

    def deliver(self, record, again):
        if self.fail is not None:
            raise self.fail
        self.records.append(record.data["i"])
        self.again.append(again)

    def run_id(self, reference):
        return None


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def courier(store):
    return Courier(store)


@pytest.fixture
def journal():
    return Journal(None, Address("", ""))


def send(courier, journal, *numbers):
    for i in numbers:
        record = Record("r", "metrics", {"i": i})
        assert courier.submit(record, journal.append(record), journal)


def test_records_arrive_in_order(courier, store, journal):
    send(courier, journal, *range(50))
    courier.wait(lambda: journal.pending == 0)
    assert store.records == list(range(50))
    assert (store.asked, any(store.again)) == (1, False)
    courier.load()
    assert store.loaded == 1


def test_nobody_waits_for_a_store_that_is_away(courier, store, journal, caplog):
    store.fail = OSError("http://me:Hunter2Hunter2@host is away")
    send(courier, journal, 1, 2)
    courier.load()
    courier.wait(lambda: journal.pending == 0)
    assert (courier.down, journal.pending, store.loaded) == (True, 2, 0)
    send(courier, journal, 3)
    courier.wait(lambda: journal.pending == 0)  # it was tried a moment ago
    assert store.asked == 1
    (line,) = [r.getMessage() for r in caplog.records]
    assert line == (
        "MLflow at http://me:***@host cannot be written (http://me:***@host is away); going on"
    )
    store.fail, courier._last_try = None, 0.0
    courier.wait(lambda: journal.pending == 0)
    assert store.records == [1, 2, 3]
    assert store.again == [True, False, False]


def test_it_is_tried_again_by_and_by(courier, store, journal, monkeypatch):
    monkeypatch.setattr(delivery, "RETRY_AFTER", 0.01)
    store.fail = OSError("away")
    send(courier, journal, 1)
    courier.wait(lambda: journal.pending == 0)
    store.fail = None
    courier._change.acquire()
    try:
        assert courier._change.wait_for(lambda: journal.pending == 0, 10)
    finally:
        courier._change.release()


def test_what_the_store_will_never_take_holds_nothing_up(courier, store, journal, caplog):
    store.fail = Refused("run 7 was deleted")
    send(courier, journal, 1)
    courier.wait(lambda: journal.pending == 0)
    store.fail = None
    send(courier, journal, 2)
    courier.wait(lambda: journal.pending == 0)
    assert store.records == [2]
    assert "MLflow does not take a record (run 7 was deleted)" in caplog.text


def test_memory_is_bounded(courier, store, journal, monkeypatch):
    monkeypatch.setattr(delivery, "LONGEST_QUEUE", 2)
    store.open.clear()
    send(courier, journal, 1, 2)
    assert not courier.submit(Record("r", "metrics", {"i": 3}), 3, journal)
    store.open.set()
    courier.wait(lambda: journal.pending == 0)
    assert store.records == [1, 2]
