import pytest

from jobs.benchmarks.scale_resources import Cores, Network


def test_messages_wait_for_the_link():
    network = Network(10.0, spread=False)
    assert network.send(1.0, 20) == 3.0
    assert network.send(1.0, 20) == 5.0
    assert network.receive(1.0, 20) == 3.0  # the other direction is free


def test_shared_data_travel_once_per_machine():
    network = Network(10.0, spread=False)
    network.share(50)
    assert [network.fetch(0.0, machine) for machine in (0, 1, 0, 2)] == [5.0, 10.0, 5.0, 15.0]
    assert network.fetched == 150
    assert network.fetch(100.0, 1) == 100.0
    network.share(10)
    assert network.fetch(100.0, 1) == 101.0


def test_machines_that_have_them_pass_them_on():
    network = Network(10.0, spread=True)
    network.share(50)
    assert [network.fetch(0.0, machine) for machine in range(4)] == [5.0, 10.0, 10.0, 15.0]


def test_nothing_shared_takes_no_time():
    assert Network(10.0, spread=False).fetch(2.0, 3) == 2.0


@pytest.mark.parametrize(("running", "speed"), [(1, 1.0), (2, 0.8), (4, 0.4)])
def test_cores_are_shared(running, speed):
    cores = Cores(2.0, 1.25, dict.fromkeys(range(running), 8.0))
    assert cores.speed == pytest.approx(speed)
    assert cores.next_end() == pytest.approx(8.0 / speed)
    cores.pass_to(2.0)
    assert cores.left[0] == pytest.approx(8.0 - 2.0 * speed)
