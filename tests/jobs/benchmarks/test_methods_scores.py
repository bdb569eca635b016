import math

import pytest

from jobs.benchmarks.methods_scores import label_robust, scores_of


def cell(method, seed, errors, rows=None, taught=False, failed=None, seconds=10.0):
    row = {"errors": errors, "train_seconds": 2.0, "peak_rss_mib": 300.0}
    tracks = {"network_alone": {"distilled": row, **(rows or {})}} if errors else {}
    return {
        "data": "d",
        "method": method,
        "kind": method,
        "budget": 0.01,
        "seed": seed,
        "failed": failed,
        "taught": taught,
        "tracks": tracks,
        "naive": {"ridge": {"errors": [0.3]}} if rows else {},
        "distill_seconds": seconds,
        "coverage": 0.5,
        "bytes": 1000,
        "base_bytes": 50,
    }


FULL = {"full_data": {"errors": [0.4], "train_seconds": 12.0, "peak_rss_mib": 500.0}}
CELLS = [
    cell("random", 0, [0.8, 0.8], FULL),
    cell("random", 1, [0.8, 0.8], FULL),
    cell("random_teacher", 0, [0.5], taught=True),
    cell("ours", 0, [0.4, 0.6], taught=True),
    cell("ours", 1, [0.5, 0.5], taught=True),
    cell("broken", 0, [], failed="it does not fit: 3 TiB"),
]


def by_name(scores, track="network_alone"):
    return {score.name: score for score in scores if score.track == track}


def test_scores():
    scores = by_name(scores_of(CELLS))
    ours = scores["ours"]
    assert ours.errors == (0.4, 0.6, 0.5, 0.5)
    assert ours.mean == pytest.approx(0.5)
    assert ours.low < 0.5 < ours.high
    assert ours.high - 0.5 == pytest.approx(3.182 * ours.std / 2, rel=1e-3)  # t of 3 degrees
    assert ours.ior == pytest.approx(1 - 0.5 / 0.8)
    assert ours.hlr == pytest.approx(0.5 / 0.4 - 1)
    # The same targets as random_teacher, and no better: what is left is the loss.
    assert ours.label_robust == pytest.approx(label_robust(0.0, 0.25))
    assert scores["random"].label_robust == pytest.approx(label_robust(0.0, 1.0))
    assert ours.break_even == 1  # 10 s of distilling, 12 - 2 s saved per model
    assert ours.total_seconds(10) == 10 + 10 * 2
    assert scores["random"].ior == 0
    assert scores["full_data"].hlr == 0
    assert (scores["full_data"].peak_mib, ours.peak_mib) == (500.0, 300.0)
    assert scores["broken"].failed == "it does not fit: 3 TiB"
    assert math.isnan(scores["broken"].mean)


def test_order():
    """By error, failures last, models in closed form in a table of their own."""
    found = [(score.track, score.name) for score in scores_of(CELLS)]
    assert found[0] == ("network_alone", "full_data")
    assert found[-2:] == [("network_alone", "broken"), ("closed_form", "ridge")]


def test_the_label_robust_score():
    assert label_robust(1.0, -1.0) == pytest.approx(100)
    assert label_robust(-1.0, 1.0) == pytest.approx(0)
    assert label_robust(0.2, 0.1) > label_robust(0.1, 0.1) > label_robust(0.1, 0.2)
    assert label_robust(-50.0, 50.0) == pytest.approx(0)
