import math

import pytest

from jobs.benchmarks.methods_scores import label_robust, reasons, scores_of

ALONE = "network_alone"


def cell(method, seed, errors, rows=None, taught=False, failed="", seconds=10.0, track=ALONE):
    row = {"errors": errors, "train_seconds": 2.0, "peak_rss_mib": 300.0}
    return {
        "data": "d",
        "method": method,
        "kind": method,
        "budget": 0.01,
        "seed": seed,
        "failed": dict.fromkeys((ALONE, "with_base"), failed) if failed else {},
        "taught": taught,
        "tracks": {track: {"distilled": row, **(rows or {})}} if errors else {},
        **({"failed_rows": {}} if rows else {}),
        "naive": {"ridge": {"errors": [0.3]}} if rows else {},
        "distill_seconds": seconds,
        "seconds": {"base": 1.0, "distill": seconds - 1.0},
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


def test_a_base_costs_those_who_need_it():
    rows = {"full_data": FULL["full_data"]}
    alone = [cell("random", 0, [0.8], rows), cell("dm", 0, [0.5])]
    based = [cell(c["method"], 0, [0.8], rows, track="with_base") for c in alone]
    scores, track = scores_of(alone), "with_base"
    assert by_name(scores)["random"].distill_seconds == 9.0  # readings need none
    assert by_name(scores)["dm"].distill_seconds == 10.0  # it learns what the base leaves
    assert by_name(scores)["full_data"].distill_seconds == 0.0
    scores = scores_of(based)
    assert by_name(scores, track)["random"].distill_seconds == 10.0
    assert by_name(scores, track)["full_data"].distill_seconds == 1.0
    assert by_name(scores, track)["full_data"].total_seconds(2) == 1 + 2 * 12
    assert by_name(scores, track)["random"].base_bytes == 50


def test_some_seeds_without_a_result():
    odd = {**cell("dm", 1, []), "failed": {ALONE: "the objective is nan"}}
    dm = by_name(scores_of([*CELLS, cell("dm", 0, [0.5]), odd]))["dm"]
    assert (dm.errors, dm.failed) == ((0.5,), "1 of 2 seeds: the objective is nan")


def test_each_track_has_its_own_failures():
    both = cell("dm", 0, [0.5], track="with_base")
    rows = {"tracks": {**CELLS[0]["tracks"], "with_base": CELLS[0]["tracks"][ALONE]}}
    scores = scores_of([{**CELLS[0], **rows}, {**both, "failed": {ALONE: "it diverged"}}])
    assert by_name(scores)["dm"].failed == "it diverged"
    assert not by_name(scores)["dm"].errors
    assert not by_name(scores, "with_base")["dm"].failed
    assert scores[-3].name == "random"  # what gave nothing comes last on its own track alone


def test_full_data_that_diverged_are_no_measure():
    """Sampled full data do not take their place."""
    row = {"node_sampled": FULL["full_data"]}
    odd = {**CELLS[0], "failed_rows": {ALONE: {"full_data": "it diverged"}}}
    odd["tracks"] = {ALONE: {"distilled": CELLS[0]["tracks"][ALONE]["distilled"], **row}}
    scores = by_name(scores_of([odd]))
    assert scores["full_data"].failed == "it diverged"
    assert math.isnan(scores["random"].hlr)
    assert scores["random"].break_even is None


def test_reasons_in_a_line():
    assert reasons({"with_base": "a", ALONE: "a"}) == "a"
    assert reasons({ALONE: "a"}) == "network_alone: a"


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
