import math

import pytest

from stemdist_ray.execution import ray_meter
from stemdist_ray.execution.metering import METRICS, OBJECTIVE, TASK_SECONDS, TASKS_LOST
from stemdist_ray.execution.ray_meter import RayMeter


class Instrument:
    """Stands in for what exports a metric."""

    made = ()

    def __init__(self, name, about, keys):
        self.keys, self.taken = keys, []
        Instrument.made = (*Instrument.made, (type(self).__name__, name))

    def take(self, value, tags):
        assert set(tags) == set(self.keys)
        assert type(value) is float
        self.taken.append((value, tags))


class Gauge(Instrument):
    set = Instrument.take


class Counter(Instrument):
    inc = Instrument.take


@pytest.fixture
def meter(monkeypatch):
    monkeypatch.setattr(ray_meter, "Gauge", Gauge)
    monkeypatch.setattr(ray_meter, "Counter", Counter)
    monkeypatch.setattr(Instrument, "made", ())
    ray_meter._instrument.cache_clear()
    yield RayMeter("mine-12ab")
    ray_meter._instrument.cache_clear()


def test_numbers_are_handed_on_with_run_and_label(meter):
    meter.set(OBJECTIVE, 2)
    meter.set(TASK_SECONDS, 0.5, "kind")
    meter.count(TASKS_LOST, "memory")
    RayMeter("other").count(TASKS_LOST, "silent")
    taken = [ray_meter._instrument(m).taken for m in (OBJECTIVE, TASK_SECONDS, TASKS_LOST)]
    assert taken == [
        [(2.0, {"Run": "mine-12ab"})],
        [(0.5, {"Run": "mine-12ab", "Kind": "kind"})],
        [
            (1.0, {"Run": "mine-12ab", "Reason": "memory"}),
            (1.0, {"Run": "other", "Reason": "silent"}),
        ],
    ]
    assert Instrument.made == (
        ("Gauge", "stemdist_objective"),
        ("Gauge", "stemdist_task_seconds"),
        ("Counter", "stemdist_tasks_lost_total"),
    )


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_is_left_out(meter, value):
    meter.set(OBJECTIVE, value)
    assert Instrument.made == ()


@pytest.mark.ray
def test_ray_takes_all_of_them(local_ray):
    meter = RayMeter("mine-12ab")
    for metric in METRICS:
        meter.count(metric, "a") if metric.counts else meter.set(metric, 1.0, "a")
