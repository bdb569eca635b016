import math
from dataclasses import replace

from stemdist_ray.comparison.ranking.page import (
    COLUMNS,
    explanation,
    markdown,
    table_cells,
    too_short,
)
from tests.comparison.ranking.helpers import ranking


def test_cells_of_the_table():
    ranked = ranking().ranked
    cells = dict(zip(COLUMNS, table_cells(ranked["random_subset"]), strict=True))
    assert cells["trained on"] == "random subset"
    assert cells["chosen"] == "dlinear"
    assert cells["regret"] == "0.1000"
    assert cells["regret %"].startswith("20.0 [0.0, ")
    assert cells["s in all"] == "4"
    assert cells["finalist %"].startswith("20.0 [")
    assert cells["s then"] == "24"
    full = dict(zip(COLUMNS, table_cells(ranked["full_data"]), strict=True))
    assert full["per s saved"] == "-"
    assert full["s then"] == full["s in all"]
    short = dict(zip(COLUMNS, table_cells(ranked["random_subset"], short=True), strict=True))
    assert (short["finalist %"], short["regret %"]) == ("20.0", "20.0")


def test_what_ranks_and_what_the_truth_is_are_said():
    text = explanation(ranking())
    for words in (
        "4 configurations, 2 seeds each, networks alone",
        "real validation split",
        "the truth is the test error of full training, best stid (0.500)",
        "the 2 that validate best are trained fully",
        "bootstrap over configurations and seeds",
    ):
        assert words in text
    assert explanation(ranking(1)).endswith("bootstrap over configurations.")


def test_markdown():
    text = markdown(ranking())
    assert "| trained on | Spearman |" in text
    assert "distilled above |" in text
    assert "| stid | 0.5500 | 0.9000 | 0.5100 | 0.5000 |" in text
    assert "| mtgnn | 0.8800 | diverged | 0.8100 | 0.8000 |" in text


def test_full_training_that_was_too_short_is_said():
    one = ranking()
    assert "too short" not in explanation(one)
    cells = [
        replace(c, validation=0.4) if c.key == ("distilled", "stnorm", 0) else c for c in one.cells
    ]
    changed = replace(one, cells=tuple(cells))
    assert too_short(changed) == 1
    assert "1 of 4 configurations validate better" in explanation(changed)


def test_full_training_that_diverged_was_not_too_short():
    one = ranking()
    cells = [
        replace(c, validation=math.inf, test=math.inf)
        if (c.trained_on, c.configuration) == ("full_data", "mtgnn")
        else c
        for c in one.cells
    ]
    assert too_short(replace(one, cells=tuple(cells))) == 0


def test_names_of_sources_are_no_markdown():
    page = markdown(replace(ranking(), source="<b>`x`</b>"))
    assert page.startswith("# Ranking configurations for `<b>'x'</b>`\n")


def test_the_command_is_named():
    one = replace(ranking(), command="stemdist rank here a.csv")
    assert "Made by `stemdist rank here a.csv`." in markdown(one)
    assert "Made by" not in markdown(replace(one, command=""))
