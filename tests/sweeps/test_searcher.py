import pytest
from ray.tune.search import Searcher

from stemdist_ray.sweeps.proposals import ListedPoints
from stemdist_ray.sweeps.records import Proposed, TrialRecord
from stemdist_ray.sweeps.searcher import RecordedSearch
from stemdist_ray.sweeps.trial import TRIAL


class Points(ListedPoints):
    def __init__(self, points):
        super().__init__(points)
        self.learned = []

    def learn(self, index, values):
        self.learned.append((index, values))


def test_interrupted_trials_come_first_under_their_own_names():
    points = Points([{"a": n} for n in range(4)])
    records = [
        TrialRecord("over", 1, {"a": 0}, status="finished"),
        TrialRecord("cut", 2, {"a": 1}, proposal=Proposed(2, {"generation": 1})),
        TrialRecord("old", 3, {"a": 2}),
    ]
    search = RecordedSearch(points, ["error", "bytes"], records)
    told = [search.suggest(f"tune-{i}")[TRIAL] for i in range(3)]
    assert [t["id"] for t in told] == ["cut", "old", "tune-2"]
    assert [t["point"] for t in told] == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert [t["index"] for t in told] == [2, 3, 4]
    assert told[0]["attributes"] == {"generation": 1}
    assert search.suggest("tune-3") == Searcher.FINISHED
    search.on_trial_complete("tune-2", {"error": 1, "bytes": 2, "other": 3})
    search.on_trial_complete("tune-0", {"error": 1})
    search.on_trial_complete("tune-1", {"error": 1, "bytes": 2}, error=True)
    search.on_trial_complete("tune-1", {"error": 1, "bytes": 2})
    search.on_trial_complete("strange", None)
    assert points.learned == [(4, [1.0, 2.0]), (2, None), (3, None)]


def test_nothing_is_kept_in_tunes_files(tmp_path):
    search = RecordedSearch(Points([]), ["error"], [])
    search.save(str(tmp_path / "state"))
    assert (tmp_path / "state").read_bytes() == b""
    with pytest.raises(NotImplementedError, match="goes on from its records"):
        search.restore(str(tmp_path / "state"))
