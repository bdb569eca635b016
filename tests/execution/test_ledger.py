import dataclasses
import json

import pytest

from stemdist_ray.execution.ledger import (
    UNKNOWN_GPU,
    Execution,
    Ledger,
    Place,
    PlaceRecord,
    devices,
    function_name,
    here,
    merged,
    mixture,
)
from stemdist_ray.execution.policy import kind_of

A, B = Place("a", "cpu"), Place("b", "H100")


@pytest.fixture
def ledger():
    ledger = Ledger()
    for place, seconds in [(A, 1.0), (B, 2.0), (B, 3.0)]:
        ledger.done("shard", place, seconds)
    ledger.lost("shard", A, "out of memory")
    ledger.done("teacher", B, 10.0)
    return ledger


def test_tasks_are_counted_by_kind_and_place(ledger):
    shard, teacher = ledger.since(Ledger())
    assert shard == Execution(
        kind="shard",
        tasks=3,
        attempts=4,
        seconds=6.0,
        losses={"out of memory": 1},
        workers=(PlaceRecord("b", "H100", 2, 0, 5.0), PlaceRecord("a", "cpu", 1, 1, 1.0)),
    )
    assert (teacher.kind, teacher.tasks, teacher.attempts, teacher.losses) == ("teacher", 1, 1, {})
    assert devices([shard, teacher]) == {"H100"}
    assert json.loads(json.dumps(dataclasses.asdict(shard)))["workers"][0]["device"] == "H100"


def test_what_was_noted_before_a_copy_does_not_count(ledger):
    before = ledger.copy()
    assert ledger.since(before) == ()
    ledger.done("shard", A, 0.5)
    ledger.lost("lost", A, "took too long")
    shard, lost = ledger.since(before)
    assert (shard.tasks, shard.attempts, shard.seconds) == (1, 1, 0.5)
    assert (lost.tasks, lost.attempts, lost.losses) == (0, 1, {"took too long": 1})
    assert lost.workers == (PlaceRecord("a", "cpu", 0, 1, 0.0),)


def test_two_processes_add_up(ledger):
    once = ledger.since(Ledger())
    twice = merged(once, once)
    assert [record.kind for record in twice] == ["shard", "teacher"]
    assert (twice[0].tasks, twice[0].attempts, twice[0].seconds) == (6, 8, 12.0)
    assert twice[0].losses == {"out of memory": 2}
    assert twice[0].workers[0] == PlaceRecord("b", "H100", 4, 0, 10.0)
    assert merged((), once) == merged(once, ()) == once


def test_many_places_and_kinds_stay_few():
    ledger = Ledger()
    for host in range(200):
        for _ in range(1 + host % 2):
            ledger.done("kind 0", Place(f"host {host}", "cpu"), 1.0)
    for kind in range(1, 100):
        ledger.done(f"kind {kind}", A, 1.0)
    first, *_, last = records = ledger.since(Ledger())
    assert len(records) == 64
    assert (last.kind, last.tasks) == ("others", 100 - 63)
    assert (first.tasks, len(first.workers)) == (300, 32)
    assert (first.workers[0].tasks, first.workers[-1].host) == (2, "others")
    again = merged(records, records)
    assert (again[0].tasks, len(again[0].workers)) == (600, 32)
    assert sum(place.tasks for place in again[0].workers) == 600
    assert sum(record.tasks for record in again) == 2 * 399
    assert devices(records) == set()


def test_gpus_of_several_kinds_are_told():
    ledger = Ledger()
    for device in ("cpu", "H100", UNKNOWN_GPU):
        ledger.done("shard", Place("a", device), 1.0)
    one = ledger.since(Ledger())
    assert mixture(one) is None
    ledger.lost("shard", Place("a", "A100"), "device error")
    assert mixture(ledger.since(Ledger())) is None
    ledger.done("shard", Place("b", "A100"), 1.0)
    assert "several kinds computed this run (A100, H100)" in mixture(ledger.since(Ledger()))


def test_a_kind_is_the_function_that_is_called():
    from stemdist_ray.distillation.shard import run_shard

    name = function_name(run_shard)
    assert name == "distillation.shard.run_shard"
    assert kind_of(name, "round 3 shard 1").partition(": ")[0] == name


def test_this_process_has_a_place():
    assert here().host
    assert here("H100") == Place(here().host, "H100")
