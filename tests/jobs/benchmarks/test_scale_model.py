import numpy as np
import pytest

from jobs.benchmarks.scale_model import Machines, Phase, Work, simulate


def seconds(machines, *phases, seed=0):
    return [outcome.seconds for outcome in simulate(machines, phases, seed)]


def wave(count, each, **bytes_):
    return Phase("wave", wave=(Work(count, each, **bytes_),))


@pytest.mark.parametrize(("workers", "wall"), [(1, 24.0), (2, 12.0), (4, 6.0), (5, 6.0), (8, 3.0)])
def test_tasks_without_costs_are_dealt_out(workers, wall):
    assert seconds(Machines(workers), wave(8, 3.0)) == [pytest.approx(wall)]


def test_workers_of_a_machine_share_its_cores():
    assert seconds(Machines(8, cores=2), wave(8, 3.0)) == [pytest.approx(12.0)]
    assert seconds(Machines(8, machines=4, cores=2), wave(8, 3.0)) == [pytest.approx(3.0)]
    one_host = Machines(8, machines=4, cores=2, one_host=True)
    assert seconds(one_host, wave(8, 3.0)) == [pytest.approx(12.0)]
    assert seconds(Machines(2, cores=2, contention=1.5), wave(2, 3.0)) == [pytest.approx(4.5)]
    assert seconds(Machines(1, cores=2, contention=1.5), wave(2, 3.0)) == [pytest.approx(6.0)]


def test_tasks_of_different_length_end_when_the_cores_have_done_them():
    phase = Phase("wave", wave=(Work(1, 2.0), Work(1, 6.0)))
    assert seconds(Machines(2, cores=1), phase) == [pytest.approx(8.0)]
    assert seconds(Machines(2, cores=2), phase) == [pytest.approx(6.0)]


def test_the_driver_does_one_thing_at_a_time():
    machines = Machines(100, send_seconds=0.25, receive_seconds=0.5)
    (outcome,) = simulate(machines, [wave(100, 0.0)])
    assert outcome.seconds == pytest.approx(75.0)
    assert outcome.driver_seconds == pytest.approx(75.0)
    # One worker waits for each of these; many workers hide the waiting, not the driver's work.
    alone = Machines(1, send_seconds=0.25, receive_seconds=0.5, wait_seconds=1.0)
    assert seconds(alone, wave(4, 2.0)) == [pytest.approx(4 * 3.75)]


def test_messages_are_copied_and_travel():
    machines = Machines(1, copy_bytes_per_second=10.0, network_bytes_per_second=5.0)
    (outcome,) = simulate(machines, [wave(1, 1.0, argument_bytes=10, result_bytes=20)])
    assert outcome.seconds == pytest.approx(1 + 2 + 1 + 4 + 2)
    assert outcome.driver_seconds == pytest.approx(3.0)
    assert outcome.message_bytes == 30


def test_phases_follow_each_other():
    machines = Machines(4, machines=2, copy_bytes_per_second=10.0, network_bytes_per_second=10.0)
    phases = [
        Phase("alone", driver_seconds=2.0),
        Phase("share", driver_seconds=1.0, shared_bytes=100),
        wave(4, 3.0),
        wave(1, 3.0),
    ]
    outcomes = simulate(machines, phases)
    # The second machine has the data after the first.
    assert [o.seconds for o in outcomes] == pytest.approx([2.0, 11.0, 23.0, 3.0])
    assert [o.shared_bytes for o in outcomes] == [0, 0, 200, 0]
    assert [o.work_seconds for o in outcomes] == pytest.approx([0, 0, 12.0, 3.0])
    assert sum(o.driver_seconds for o in outcomes) == pytest.approx(13.0)


def test_stragglers_have_the_right_mean_and_make_waves_longer():
    machines = Machines(16, sigma=0.5)
    walls = [seconds(machines, wave(16, 1.0), seed=seed)[0] for seed in range(200)]
    assert np.mean(walls) > 1.8
    one = [seconds(Machines(1, sigma=0.5), wave(200, 1.0), seed=seed)[0] for seed in range(20)]
    assert np.mean(one) == pytest.approx(200, rel=0.03)
    assert seconds(machines, wave(16, 1.0), seed=1) == seconds(machines, wave(16, 1.0), seed=1)


def test_lost_workers_cost_time_and_their_tasks_run_again():
    calm = Machines(4, restart_seconds=0.5)
    rough = Machines(4, restart_seconds=0.5, losses_per_hour=360.0)
    (before,), (after,) = (simulate(m, [wave(400, 1.0)], 1) for m in (calm, rough))
    assert before.lost == 0
    # One loss per ten seconds of work: some forty, each of half a task and a restart.
    assert 20 < after.lost < 70
    expected = before.seconds + after.lost * (0.5 + 0.5) / 4
    assert after.seconds == pytest.approx(expected, rel=0.08)
    assert after.work_seconds == pytest.approx(400.0)


def test_a_wave_of_nothing():
    assert seconds(Machines(2), Phase("nothing"), wave(1, 1.0)) == [0.0, 1.0]
