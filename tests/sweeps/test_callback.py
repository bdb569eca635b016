import pickle
from types import SimpleNamespace

import pytest

from stemdist_ray.sweeps.callback import METRICS, SweepCallback
from stemdist_ray.sweeps.records import Proposed
from stemdist_ray.sweeps.trial import TRIAL


def told(name, point):
    return {TRIAL: {"id": name, "point": point, "index": 2, "attributes": {"generation": 1}}}


class Monitor:
    def __init__(self):
        self.events = []

    def __getattr__(self, name):
        return lambda *arguments: self.events.append((name, *arguments))


@pytest.fixture
def live(tmp_path):
    monitor = Monitor()
    SweepCallback.live[tmp_path] = monitor
    yield monitor
    del SweepCallback.live[tmp_path]


def test_events_reach_the_monitor_after_pickling_too(live, tmp_path):
    callback = pickle.loads(pickle.dumps(SweepCallback(tmp_path, 5)))
    trial = SimpleNamespace(
        trial_id="tune's own",
        config=told("a", {"spatial_ratio": 0.1}),
        get_error=lambda: ValueError("one\ntwo\n"),
    )
    result = {**dict.fromkeys(METRICS, 1), "other": "x"}
    callback.on_trial_start(0, [], trial)
    callback.on_trial_result(0, [], trial, result)
    callback.on_trial_complete(0, [], trial)
    callback.on_trial_error(0, [], trial)
    assert live.events == [
        ("started", "a", {"spatial_ratio": 0.1}, Proposed(2, {"generation": 1})),
        ("reported", "a", dict.fromkeys(METRICS, 1.0)),
        ("finished", "a", 5),
        ("failed", "a", "two"),
    ]


def test_the_reason_that_a_trial_wrote_down_comes_first(live, tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.failed").write_text("the learning rate is too high")
    trial = SimpleNamespace(trial_id="a", config=told("a", {"x": 1}))
    callback = SweepCallback(tmp_path, 5)
    callback.on_trial_start(0, [], trial)
    callback.on_trial_error(0, [], trial)
    assert live.events[0] == ("started", "a", {"x": 1}, Proposed(2, {"generation": 1}))
    assert live.events[1] == ("failed", "a", "the learning rate is too high")
