import json
from dataclasses import replace

import pytest

from jobs.benchmarks.claims_rankings import ranking_section, reaches, read_rankings
from stemdist_ray.comparison.ranking.agreement import Interval
from stemdist_ray.errors import ConfigError
from stemdist_ray.system.files import finite
from tests.comparison.ranking.helpers import ranking


def with_advantage(low, high):
    one = ranking()
    other = replace(one.ranked["random_subset"], advantage=Interval(0.1, low, high))
    return replace(one, ranked={**one.ranked, "random_subset": other})


def test_what_reaches_the_bars():
    ranked = ranking().ranked
    ours, full = ranked["distilled"], ranked["full_data"]
    assert not reaches(ours, full)  # 10 of 40 seconds
    quick = replace(ours, ahead_seconds=4.0)
    assert reaches(quick, full)
    for name, value in (("spearman", 0.89), ("regret_percent", 1.1)):
        measures = {**quick.measures, name: Interval(value, 0.0, 2.0)}
        assert not reaches(replace(quick, measures=measures), full)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.05, 0.2, "than *random subset* and worse than none"),
        (-0.2, -0.05, "than none and worse than *random subset*"),
        (-0.1, 0.2, "than none and worse than none"),
    ],
)
def test_a_verdict_in_words(low, high, words):
    text = "\n".join(ranking_section({"town": with_advantage(low, high)}))
    assert "the distilled data do not reach Spearman of 0.9" in text
    assert words in text
    assert "Of the others none reaches it." in text
    assert "| town | random subset |" in text


def test_none_was_measured():
    assert "Not measured." in ranking_section({})


def test_files(tmp_path):
    path = tmp_path / "rank-town.json"
    path.write_text(json.dumps(finite(ranking().to_json())))
    assert list(read_rankings([path])) == ["town"]
    for text in ("{}", "[]", "no json"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="was not written by stemdist rank"):
            read_rankings([path])
    with pytest.raises(ConfigError, match="was not written by"):
        read_rankings([tmp_path / "rank-none.json"])
