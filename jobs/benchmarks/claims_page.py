"""The page ``jobs/results/README.md``, made of what is published beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from jobs.benchmarks.claims import claims_sections, verdicts
from jobs.benchmarks.claims_ablations import ablation_section, is_ablation
from jobs.benchmarks.claims_rankings import ranking_section, read_rankings, write_pages
from jobs.benchmarks.methods_scores import Score
from stemdist_ray.baselines.method import OWN
from stemdist_ray.comparison.ranking.result import Ranking
from stemdist_ray.errors import ConfigError
from stemdist_ray.system.files import write_text

_WHOLE = "rounds"  # the variant that those of jobs/configs/benchmark-ablation.yaml differ from


def read_scores(path: Path) -> list[Score]:
    """Read a table that ``jobs/benchmark.py methods`` wrote.

    Raises:
        ConfigError: It is not there, or is something else.
    """
    known, scores = {one.name for one in fields(Score)}, list[Score]()
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    for row in rows:
        if set(row) != known:
            raise ConfigError(
                f"{path} was not written by jobs/benchmark.py methods of this release"
            )
        scores.append(Score(**{**row, "errors": tuple(row["errors"])}))
    return scores


def _read_memory(path: Path) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = json.loads(path.read_text())
        _ = tree["distilled"]["windows"], tree["series"]["steps"], tree["forecasters"][0]["ratio"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"{path} was not written by jobs/benchmark.py memory of this release ({error!r})"
        ) from error
    return tree


def claims_page(
    scores: Sequence[Score],
    links: Sequence[str],
    ablations: Sequence[Sequence[Score]] = (),
    rankings: Mapping[str, Ranking] | None = None,
    memory: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page in Markdown.

    Args:
        scores: Of benchmarks against other methods.
        links: To the pages of all benchmarks.
        ablations: Scores of benchmarks of variants, each.
        rankings: By name.
        memory: Of training, by data set.
    """
    all_of = verdicts(scores)
    seeds = sorted({len(verdict.ours.errors) for verdict in all_of})
    lines = [
        "# Which claims hold here",
        "",
        "Made by `python jobs/benchmark.py claims` of measured results. The claims are those of "
        "STemDist (arXiv:2603.10410): training on distilled data is up to 6 times faster, takes up "
        "to 8 times less memory, and its error is up to 12 % lower than with other methods of "
        "distilling. Errors: relative RMSE on test, mean of "
        f"{' or '.join(map(str, seeds))} trainings (distillation seeds times evaluator seeds), "
        "95 % intervals by Student's t over all of them (too narrow where distillations differ).",
        "",
        *(f"- {link}" for link in links),
        "",
        *claims_sections(all_of, memory),
        *ranking_section(rankings or {}),
    ]
    for own in ablations:
        lines += ablation_section(own, _WHOLE)
    return "\n".join(lines)


def write_claims(
    path: Path,
    tables: Sequence[Path],
    ranking_files: Sequence[Path] = (),
    memory_files: Sequence[Path] = (),
) -> None:
    """Write the page, and beside it a page and a figure for each ranking.

    Args:
        path: Of the page.
        tables: ``methods-NAME.parquet``, each with its ``methods-NAME.md`` beside it.
        ranking_files: ``rank-NAME.json`` as ``stemdist rank --json`` writes it.
        memory_files: ``memory-NAME.json`` as ``jobs/benchmark.py memory --json`` writes it.

    Raises:
        ConfigError: A file cannot be read, or no table holds a variant of ours.
    """
    read = [read_scores(table) for table in tables]
    ablations = [own for own in read if is_ablation(own)]
    scores = [score for own in read if own not in ablations for score in own]
    if not verdicts(scores):
        told = ", ".join(map(str, tables)) or "no table"
        raise ConfigError(
            f"nothing to say: {told} with results of method {OWN} beside others; run "
            "jobs/benchmark.py methods with --publish first"
        )
    rankings = read_rankings(ranking_files)
    memory = [_read_memory(one) for one in memory_files]
    links = [f"[{table.stem}]({table.stem}.md)" for table in tables]
    write_pages(path.parent, rankings)
    write_text(path, claims_page(scores, links, ablations, rankings, memory))
