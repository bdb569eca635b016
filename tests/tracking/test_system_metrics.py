import threading

import psutil
import pytest

from stemdist_ray.tracking import system_metrics
from stemdist_ray.tracking.system_metrics import SystemSampler, sample


@pytest.fixture
def logged():
    """What was logged, and an event per sample."""
    return []


def sampler(logged, enough):
    def log(values, number):
        logged.append((number, values))
        if number == 2:
            enough.set()

    return SystemSampler(log, every=0.001)


def test_samples_come_until_it_is_stopped(logged):
    enough = threading.Event()
    one = sampler(logged, enough)
    one.start()
    one.start()
    assert enough.wait(60)
    one.stop()
    count = len(logged)
    assert [number for number, _ in logged] == list(range(count))
    assert not one._thread.is_alive()
    assert {"system/network_receive_megabytes", *sample()} == set(logged[0][1]) - {
        "system/network_transmit_megabytes"
    }
    one.stop()


def test_one_that_never_started_stops_as_well(logged):
    SystemSampler(logged.append).stop()
    assert logged == []


def test_names_are_those_of_mlflow():
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor

    names = set()
    for monitor in (CPUMonitor(), DiskMonitor()):
        monitor.collect_metrics()
        names |= {f"system/{name}" for name in monitor.metrics}
    assert set(sample()) == names


def test_values_are_plausible():
    values = sample()
    total = psutil.virtual_memory().total / 1e6
    assert 0 < values["system/system_memory_usage_megabytes"] < total
    for name, value in values.items():
        assert value >= 0
        assert not name.endswith("percentage") or value <= 100


def test_a_machine_without_a_network_is_sampled(monkeypatch):
    monkeypatch.setattr(system_metrics.psutil, "net_io_counters", lambda: None)
    assert system_metrics._network() == (0.0, 0.0)
