import math
from dataclasses import replace

import pytest

from jobs.benchmarks.claims import claims_sections, verdicts
from jobs.benchmarks.methods_scores import Score

OURS = Score(
    "d", 0.01, "network_alone", "stemdist", True, "stemdist", (0.5, 0.52), 0.51, 0.50, 0.52,
    train_seconds=2.0, peak_mib=400.0, distill_seconds=10.0, break_even=2,
)  # fmt: skip
RIVAL = replace(OURS, name="dm", kind="dm", errors=(0.59, 0.61), mean=0.60, low=0.58, high=0.62)
MEDOID = replace(OURS, name="medoid", kind="medoid", mean=0.45)
FULL = Score(
    "d",
    0.01,
    "network_alone",
    "full_data",
    False,
    "",
    (0.4,),
    0.4,
    train_seconds=8.0,
    peak_mib=600.0,
)
RIDGE = Score("d", 0.01, "closed_form", "ridge", False, "", (0.3,), 0.3)
OTHER = replace(FULL, track="with_base", mean=0.1)
SCORES = [RIVAL, OURS, MEDOID, FULL, RIDGE, OTHER]


def test_a_verdict():
    (found,) = verdicts(SCORES)
    assert (found.faster, found.smaller) == (4.0, 1.5)
    assert found.rival.name == "dm"  # a subset is no method of distilling
    assert found.better == pytest.approx(1 - 0.51 / 0.60)
    assert found.apart
    assert found.beaten_by == ("ridge on lags, full data", "full data, to convergence", "medoid")


def sections(*scores):
    return "\n".join(claims_sections(verdicts(scores)))


def test_what_was_not_measured_is_said():
    (found,) = verdicts([OURS])
    assert math.isnan(found.faster)
    page = sections(OURS)
    assert "Not measured: no benchmark trained on the full data." in page
    assert "Not measured: no other method of distilling was run." in page


def test_what_does_not_hold_is_said_as_plainly():
    slower = replace(FULL, train_seconds=1.0)
    page = sections(replace(RIVAL, mean=0.5), OURS, slower)
    assert "Holds in 0 of 1 comparisons: 0.50 to 0.50 times." in page
    assert "in 0 of 1 comparisons" in page
    assert "-2.0 % |" in page
    between = replace(RIVAL, mean=0.5, errors=(0.49, 0.51))
    assert "-2.0 % (mixed)" in sections(between, OURS, slower)


def test_equal_data_count_once():
    """Rounds that were no better than the start leave it as it was."""
    again = replace(OURS, name="stemdist_rounds", train_seconds=1.0)
    first, second = verdicts([*SCORES, again])
    assert (first.same_as, second.same_as) == ("", "stemdist")
    page = sections(*SCORES, again)
    assert "Holds in 1 of 1 comparisons: 4.00 to 4.00 times." in page
    assert "stemdist_rounds (as stemdist)" in page


def test_seeds_without_a_result_are_told():
    odd = replace(OURS, failed="1 of 2 seeds: it diverged")
    rival = replace(RIVAL, failed="1 of 3 seeds: the objective is nan")
    page = sections(rival, odd)
    assert "stemdist (1 of 2 seeds: it diverged)" in page
    assert "1 of 3 seeds: the objective is nan" in page


def test_nothing_takes_the_place_of_full_data_that_diverged():
    diverged = replace(FULL, errors=(), mean=math.nan, failed="it diverged")
    sampled = replace(FULL, name="node_sampled")
    (found,) = verdicts([OURS, sampled, diverged])
    assert found.full is None
    (found,) = verdicts([OURS, sampled])
    assert found.full.name == "node_sampled"


def test_titles_with_commas_stay_apart():
    assert "| ridge on lags, full data; full data, to convergence; medoid |" in sections(*SCORES)


def test_below_every_other_method_by_more_than_the_deviation():
    ours, near = replace(OURS, std=0.01), replace(RIVAL, mean=0.515, std=0.001)
    far, subset = replace(RIVAL, std=0.02), replace(MEDOID, std=0.0)
    (clear,) = verdicts([ours, far])
    assert clear.below_all
    assert "by more than the standard deviation over seeds: d, 1 %, networks alone" in (
        sections(ours, far)
    )
    for others in ([near], [far, subset], []):  # within it; a subset is better; nobody there
        (found,) = verdicts([ours, *others])
        assert not found.below_all
    assert "over seeds: nowhere." in sections(ours, near)
