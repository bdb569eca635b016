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
