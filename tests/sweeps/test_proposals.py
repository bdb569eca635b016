import json

import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.proposals import ListedPoints, OptunaPoints, create_proposer
from stemdist_ray.sweeps.records import Proposed, SweepStore, TrialRecord
from stemdist_ray.sweeps.space import SearchSpace

SPACE = {
    "spatial_ratio": {"log": [0.002, 1.0]},
    "temporal_ratio": {"log": [0.002, 1.0]},
    "matching.subsets": {"integer": [1, 6]},
    "forecaster.name": {"choice": ["stid", "dlinear"]},
}


def found(point):
    """Objectives of a point: a smooth function."""
    return [abs(point["spatial_ratio"] - 0.1) + point["matching.subsets"], point["temporal_ratio"]]


def proposer(**changes):
    search = SearchConfig(space=SPACE, trials=24, **changes)
    return OptunaPoints(search, SearchSpace(search, "standard", {}))


def run(proposer, count, records=()):
    """Propose and tell one after the other; the records, as JSON gives them back."""
    records = list(records)
    for _ in range(count):
        proposal = proposer.propose()
        values = found(proposal.point)
        record = TrialRecord(
            f"t{proposal.index}", len(records) + 1, proposal.point, status="finished",
            metrics=dict(zip(("error", "bytes"), values, strict=True)),
            proposal=Proposed(proposal.index, proposal.attributes),
        )  # fmt: skip
        records.append(record)
        proposer.learn(proposal.index, values)
    return records


def on_disk(folder, records):
    """What is left of records when they were written and read."""
    store = SweepStore(folder)
    for record in records:
        store.write(record)
    return store.records()


@pytest.mark.parametrize("searcher", ["tpe", "nsga2"])
@pytest.mark.parametrize("interrupted_after", [1, 9, 20])
def test_a_search_that_goes_on_proposes_what_it_would_have(tmp_path, searcher, interrupted_after):
    straight = run(proposer(searcher=searcher), 24)
    first = run(proposer(searcher=searcher), interrupted_after)
    again = proposer(searcher=searcher)
    again.recall(reversed(on_disk(tmp_path, first)))
    resumed = run(again, 24 - interrupted_after, first)
    assert [r.point for r in resumed] == [r.point for r in straight]
    assert len({json.dumps(r.point) for r in straight}) == 24
    assert again.propose() is None


def test_trials_without_objectives_are_no_observations():
    one, other = proposer(searcher="tpe"), proposer(searcher="tpe")
    records = run(one, 9)
    proposal = one.propose()
    one.learn(proposal.index, None)
    failed = TrialRecord("f", 10, proposal.point, status="failed", metrics={"error": float("nan")})
    other.recall([*records, failed])
    assert one.propose() == other.propose()


def test_interrupted_trials_keep_their_place():
    one, other = proposer(searcher="tpe"), proposer(searcher="tpe")
    records = run(one, 9)
    waiting = one.propose()
    other.recall([*records, TrialRecord("w", 10, waiting.point, proposal=Proposed(10))])
    assert one.propose() == other.propose()
    for search in (one, other):
        search.learn(10, found(waiting.point))
    assert one.propose() == other.propose()


def test_a_proposal_holds_what_a_budget_leaves():
    search = SearchConfig(budget=0.01, searcher="tpe")
    points = create_proposer(search, SearchSpace(search, "standard", {}), None)
    point = points.propose().point
    assert point["temporal_ratio"] * point["spatial_ratio"] == pytest.approx(0.01)
    again = create_proposer(search, SearchSpace(search, "standard", {}), None)
    again.recall([TrialRecord("a", 1, point)])


@pytest.mark.parametrize("change", [{"spatial_ratio": 3.0}, {"forecaster.name": "other"}, {"x": 1}])
def test_points_that_were_never_proposed_are_refused(change):
    points = proposer(searcher="tpe")
    (record,) = run(points, 1)
    with pytest.raises(ArtifactError, match=r"trial 1 \(a\) holds a point out of the ranges"):
        proposer(searcher="tpe").recall([TrialRecord("a", 1, {**record.point, **change})])


def test_listed_points_are_proposed_once():
    points = [{"a": 1, "b": (1, 2)}, {"a": 2, "b": (1, 2)}, {"a": 1, "b": (1, 2)}]
    listed = ListedPoints(points)
    listed.recall([TrialRecord("x", 1, {"a": 1, "b": [1, 2]})])
    assert [(p.index, p.point["a"]) for p in (listed.propose(), listed.propose())] == [
        (2, 2),
        (3, 1),
    ]
    assert listed.propose() is None
    with pytest.raises(ArtifactError, match="no point of this sweep"):
        listed.recall([TrialRecord("x", 1, {"a": 3, "b": [1, 2]})])
