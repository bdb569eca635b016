import json
from dataclasses import replace

import pytest

from jobs.benchmarks.claims_page import claims_page, read_scores, write_claims
from jobs.benchmarks.methods_tables import write_records
from stemdist_ray.errors import ConfigError
from stemdist_ray.system.files import finite
from tests.comparison.ranking.helpers import ranking
from tests.jobs.benchmarks.test_claims import OURS, RIDGE, SCORES


def test_the_page(tmp_path):
    table = tmp_path / "methods-small.parquet"
    write_records(table, SCORES)
    assert [(s.name, s.errors) for s in read_scores(table)] == [(s.name, s.errors) for s in SCORES]
    write_claims(tmp_path / "README.md", [table])
    text = (tmp_path / "README.md").read_text()
    assert "[methods-small](methods-small.md)" in text
    assert "| d, 1 % | networks alone | stemdist | 2.00 | 8.00" in text
    assert "## Ranking models\n\nNot measured." in text


def test_variants_of_ours_alone_are_an_ablation(tmp_path):
    """They say nothing about other methods, so no claim counts them."""
    small, ablation = tmp_path / "methods-small.parquet", tmp_path / "methods-ablation.parquet"
    write_records(small, SCORES)
    variants = [replace(OURS, name=name) for name in ("rounds", "no_base")]
    write_records(ablation, variants)
    write_claims(tmp_path / "README.md", [ablation, small])
    text = (tmp_path / "README.md").read_text()
    assert "in 1 of 1 comparisons" in text
    assert "## What every part is worth" in text
    assert text.index("| no_base |") > text.index("## What every part is worth")
    with pytest.raises(ConfigError, match="nothing to say"):
        write_claims(tmp_path / "README.md", [ablation])


def test_rankings_get_a_page_and_a_figure_each(tmp_path):
    table, ranked = tmp_path / "methods-small.parquet", tmp_path / "rank-town.json"
    write_records(table, SCORES)
    ranked.write_text(json.dumps(finite(ranking().to_json())))
    write_claims(tmp_path / "README.md", [table], [ranked])
    assert "[town](rank-town.md), 4 configurations" in (tmp_path / "README.md").read_text()
    assert "(figures/rank-town.png)" in (tmp_path / "rank-town.md").read_text()
    assert (tmp_path / "figures" / "rank-town.png").read_bytes().startswith(b"\x89PNG")


def test_memory_of_training_is_told_first(tmp_path):
    table, memory = tmp_path / "methods-small.parquet", tmp_path / "memory-town.json"
    write_records(table, SCORES)
    one = {"forecaster": "stid", "distilled_mib": 3.0, "full_mib": 36.0, "ratio": 12.0}
    tree = {
        "data": "town", "distilled": {"windows": 5, "locations": 2},
        "series": {"steps": 90, "locations": 7}, "forecasters": [one],
    }  # fmt: skip
    memory.write_text(json.dumps(tree))
    write_claims(tmp_path / "README.md", [table], [], [memory])
    text = (tmp_path / "README.md").read_text()
    assert "holds in 1 of 1 comparisons, 12.0 to 12.0 times. Resident memory of whole" in text
    row = "| town (90 steps x 7 locations) | 5 windows x 2 locations | stid | 3.0 | 36.0 | 12.0 |"
    assert row in text
    for other in ({}, [], {**tree, "forecasters": []}):
        memory.write_text(json.dumps(other))
        with pytest.raises(ConfigError, match="was not written by"):
            write_claims(tmp_path / "README.md", [table], [], [memory])


def test_files_of_something_else(tmp_path):
    table = tmp_path / "methods-small.parquet"
    with pytest.raises(ConfigError, match="nothing to say"):
        write_claims(tmp_path / "README.md", [])
    write_records(table, [RIDGE])
    with pytest.raises(ConfigError, match="nothing to say"):
        write_claims(tmp_path / "README.md", [table])
    table.write_bytes(b"no parquet")
    with pytest.raises(ConfigError, match="cannot be read"):
        write_claims(tmp_path / "README.md", [table])
    assert not (tmp_path / "README.md").exists()


def test_the_number_of_trainings_is_said():
    assert "mean of 2 trainings" in claims_page([OURS], [])
