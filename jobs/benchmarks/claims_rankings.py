"""Whether distilled data rank models as full training does: published rankings, judged by bars."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stemdist_ray.comparison.markdown import markdown_table
from stemdist_ray.comparison.ranking.cells import DISTILLED, FULL, look_of
from stemdist_ray.comparison.ranking.page import (
    ADVANTAGE,
    COLUMNS,
    advantage_cell,
    markdown,
    table_cells,
)
from stemdist_ray.comparison.ranking.result import Ranked, Ranking
from stemdist_ray.errors import ConfigError
from stemdist_ray.report.html import save_bitmaps
from stemdist_ray.report.ranking import rank_scatter
from stemdist_ray.system.files import write_text

SPEARMAN, REGRET, SHARE = 0.9, 1.0, 0.2
"""What small data have to reach: correlation, percent of regret, share of the seconds."""


def read_rankings(paths: Sequence[Path]) -> dict[str, Ranking]:
    """Read files that ``stemdist rank --json`` wrote, by the NAME of ``rank-NAME.json``.

    Raises:
        ConfigError: One is not there, or is something else.
    """
    found = {}
    for path in paths:
        try:
            ranking = Ranking.from_json(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{path} was not written by stemdist rank --json of this release ({error!r})"
            ) from error
        found[path.stem.removeprefix("rank-")] = ranking
    return found


def write_pages(folder: Path, rankings: Mapping[str, Ranking]) -> None:
    """Write ``rank-NAME.md`` and its figure for each."""
    for name, ranking in rankings.items():
        picture = replace(rank_scatter(ranking), name=f"rank-{name}")
        save_bitmaps(folder / "figures", [picture])
        image = f"\n![{picture.alt}](figures/{picture.name}.png)\n"
        write_text(folder / f"rank-{name}.md", markdown(ranking) + image)


def ranking_section(rankings: Mapping[str, Ranking]) -> list[str]:
    """All rankings in one table, as lines of Markdown, with what they reach."""
    lines = ["## Ranking models", ""]
    if not rankings:
        return [*lines, "Not measured.", ""]
    lines += [*(f"- {_verdict(name, ranking)}" for name, ranking in rankings.items()), ""]
    rows = []
    for name, ranking in rankings.items():
        whole = ranking.ranked[FULL].seconds
        for one in ranking.ranked.values():
            cells = dict(zip(COLUMNS, table_cells(one), strict=True))
            rows.append(
                (
                    name,
                    cells["trained on"],
                    cells["Spearman"],
                    advantage_cell(one),
                    cells["regret %"],
                    f"{one.seconds:.0f} ({100 * one.seconds / whole:.0f} %)",
                    cells["finalist %"],
                    f"{100 * (one.seconds + one.finalist_seconds) / whole:.0f} %",
                )
            )
    head = (
        *("data", "trained on", "Spearman", ADVANTAGE, "regret %"),
        *("seconds (of full training)", "regret % of the finalist", "seconds then"),
    )
    return [*lines, *markdown_table(head, rows), ""]


def reaches(one: Ranked, full: Ranked) -> bool:
    """Whether a row ranks well enough, for few enough seconds."""
    return (
        one.measures["spearman"].value >= SPEARMAN
        and one.measures["regret_percent"].value <= REGRET
        and one.seconds <= SHARE * full.seconds
    )


def _verdict(name: str, ranking: Ranking) -> str:
    """What the distilled data of one ranking reach, and what else does."""
    ranked, full = ranking.ranked, ranking.ranked[FULL]
    bar = (
        f"Spearman of {SPEARMAN} and a regret of {REGRET:g} % at a fifth of the seconds of full "
        "training"
    )
    others = [one for n, one in ranked.items() if n not in (DISTILLED, FULL)]
    also = [one for one in others if reaches(one, full)]
    text = f"[{name}](rank-{name}.md), {len(ranking.configurations)} configurations: "
    if DISTILLED in ranked:
        ours = ranked[DISTILLED]
        told = "reach" if reaches(ours, full) else "do not reach"
        better = [one for one in others if one.advantage is not None and one.advantage.low > 0]
        worse = [one for one in others if one.advantage is not None and one.advantage.high < 0]
        text += (
            f"the distilled data {told} {bar} ({ours.measures['spearman'].value:.2f}, "
            f"{ours.measures['regret_percent'].value:.1f} %, "
            f"{100 * ours.seconds / full.seconds:.0f} % of the seconds); "
            f"by more than the interval of pairs they rank better than {_titles(better)} and worse "
            f"than {_titles(worse)}. "
        )
    return text + f"Of the others {_titles(also)} reach{'' if len(also) > 1 else 'es'} it."


def _titles(rows: Sequence[Ranked]) -> str:
    # In italics: some titles hold commas.
    return " and ".join(f"*{look_of(one.trained_on).title}*" for one in rows) or "none"
