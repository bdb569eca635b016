import pytest

from stemdist_ray.system.stages import StageClock, StageRecord


@pytest.fixture
def clock():
    clock = StageClock()
    with clock.stage("read"):
        pass
    with clock.stage("cluster"):
        sum(range(1000))
    return clock


def test_stages_are_kept_in_order(clock):
    records = clock.records()
    assert list(records) == ["read", "cluster"]
    assert records["cluster"].seconds >= 0
    assert records["cluster"].peak_rss_mib > 10


def test_a_running_stage_counts_until_now(clock):
    with clock.stage("distill"):
        assert clock.records()["distill"].peak_rss_mib > 10
        assert list(clock.records()) == ["read", "cluster", "distill"]


def test_what_came_before_an_interruption_is_added(clock):
    """Seconds add up, memory is the highest, and a stage that is not repeated stays."""
    own = clock.records()["cluster"]
    earlier = {"teacher": StageRecord(5.0, 1.0), "cluster": StageRecord(100.0, 1e6)}
    clock.add_earlier(earlier)
    records = clock.records()
    assert list(records) == ["teacher", "cluster", "read"]
    assert records["teacher"] == earlier["teacher"]
    assert records["cluster"].seconds == pytest.approx(100.0 + own.seconds, abs=2e-3)
    assert records["cluster"].peak_rss_mib == 1e6
    with clock.stage("teacher"):
        pass
    assert clock.records()["teacher"].seconds >= 5.0


def test_the_stage_that_runs_is_known(clock):
    assert clock.running() is None
    with clock.stage("teacher"), clock.stage("inner"):
        name, seconds = clock.running()
        assert (name, 0 <= seconds < 10) == ("inner", True)
    assert clock.running() is None
