import pytest

from stemdist_ray.report import sweep_figures
from tests.report.test_sweep import trial

TRIALS = [trial(1, 0.6, 2000), trial(2, 0.5, 9000), trial(3, 0.7, 9000, status="stopped")]


@pytest.mark.parametrize("objectives", [["error", "bytes"], ["error"]])
def test_front_says_which_trials_matter(objectives):
    picture = sweep_figures.front(TRIALS, {"t1", "t2"}, objectives)
    assert picture.svg.startswith("<svg")
    assert "3 trials; 2 are not beaten" in picture.alt
    assert "0.500, is that of trial 2" in picture.alt
    assert picture == sweep_figures.front(TRIALS, {"t1", "t2"}, objectives)


def test_ratios_names_the_lowest_error():
    assert "lowest is at 6 windows x 5 locations" in sweep_figures.ratios(TRIALS, {"t1"}).alt


def test_progress_counts_those_stopped_early():
    failed = {**trial(4, 1, 1), "metrics": {}, "history": []}
    assert "3 trials over their rounds; 1 of them" in sweep_figures.progress([*TRIALS, failed]).alt
