"""What every part of our method is worth: variants of it, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.benchmarks.claims import apart, error_text
from jobs.benchmarks.methods_scores import Score
from jobs.benchmarks.methods_tables import TRACK_TITLES
from stemdist_ray.baselines.method import OWN
from stemdist_ray.comparison.markdown import markdown_table


def is_ablation(scores: Sequence[Score]) -> bool:
    """Whether a benchmark compares variants of our method alone, beside the subsets."""
    names = [{s.name for s in scores if s.distilled and (s.kind == OWN) == own} for own in (1, 0)]
    return len(names[0]) > len(names[1])


def ablation_section(scores: Sequence[Score], whole: str) -> list[str]:
    """Errors of all variants against one of them, as lines of Markdown.

    Args:
        scores: Of a benchmark of variants.
        whole: Name of the variant from which each of the others differs in one setting; where it is
            missing, the first counts.
    """
    lines = ["## What every part is worth", ""]
    own = [s for s in scores if s.kind == OWN and s.errors]
    tracks = list(dict.fromkeys(s.track for s in own))
    places = dict.fromkeys((s.data, s.budget) for s in own)
    for data, budget in places:
        variants = [s for s in own if (s.data, s.budget) == (data, budget)]
        names = list(dict.fromkeys(s.name for s in variants))
        of = {(s.name, s.track): s for s in variants}
        base = whole if any(name == whole for name in names) else names[0]
        lines += [
            f"{data}, {100 * budget:g} %: every variant differs from *{base}* in one setting. In "
            "brackets the 95 % interval; *apart*: all trainings of one are below all of the other.",
            "",
        ]
        head = ["variant"]
        for track in tracks:
            head += [TRACK_TITLES[track], f"against {base}"]
        rows = []
        for name in names:
            row = [name]
            for track in tracks:
                row += _compared(of.get((name, track)), of.get((base, track)))
            rows.append((*row, f"{max(s.distill_seconds for s in variants if s.name == name):.0f}"))
        lines += [*markdown_table((*head, "distilling, s"), rows), ""]
    return lines


def _compared(score: Score | None, base: Score | None) -> tuple[str, str]:
    if score is None:
        return "-", "-"
    if base is None or score is base:
        return error_text(score), "-"
    change = f"{100 * (score.mean / base.mean - 1):+.1f} %"
    return error_text(score), f"{change}, apart" if apart(score, base) else change
