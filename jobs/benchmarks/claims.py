"""Which of the three claims hold, made of measured results.

The claims (STemDist, arXiv:2603.10410): training on distilled data is faster (up to 6 times), takes
less memory (up to 8 times), and its errors are lower (up to 12 %) than on the data of other methods
of distilling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.benchmarks.methods_scores import FULL, SUBSETS, Score
from jobs.benchmarks.methods_tables import TRACK_TITLES, title_of
from jobs.benchmarks.train_memory import RESOLUTION_MIB, TrainMemory
from stemdist_ray.baselines.method import OWN
from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.comparison.markdown import markdown_table


@dataclass(frozen=True)
class Verdict:
    """One claim on one data set and track.

    Args:
        data: Data set.
        budget: Synthetic entries / real ones.
        track: "with_base" or "network_alone".
        name: Of our variant.
        ours: Its score.
        full: That of training on everything, None where it was not measured.
        rival: The best of the other methods that learn, None where there is none.
        beaten_by: Titles of all that have a lower error, best first.
        others: Scores of all other methods, those that learn nothing included.
        same_as: An earlier variant with the same errors, as rounds were no better than the start:
            the same data, which count once.
    """

    data: str
    budget: float
    track: str
    name: str
    ours: Score
    full: Score | None
    rival: Score | None
    beaten_by: tuple[str, ...]
    others: tuple[Score, ...] = ()
    same_as: str = ""

    @property
    def faster(self) -> float:
        """Seconds to train one model on everything / on the distilled data."""
        return math.nan if self.full is None else self.full.train_seconds / self.ours.train_seconds

    @property
    def smaller(self) -> float:
        """Peak memory of the training process on everything / on the distilled data."""
        return math.nan if self.full is None else self.full.peak_mib / self.ours.peak_mib

    @property
    def better(self) -> float:
        """How much lower the error is than that of the best rival, as a share of the latter."""
        return math.nan if self.rival is None else 1 - self.ours.mean / self.rival.mean

    @property
    def apart(self) -> bool:
        """Whether every training of one of the two, ours and the best rival, is below all others.

        Intervals of a few trainings on two distillations say little; this is a plain fact.
        """
        return self.rival is not None and apart(self.ours, self.rival)

    @property
    def below_all(self) -> bool:
        """Whether it is below each other method by more than the standard deviation of either."""
        return bool(self.others) and all(
            other.mean - self.ours.mean > max(other.std, self.ours.std) for other in self.others
        )


def verdicts(scores: Sequence[Score]) -> list[Verdict]:
    """One verdict per variant of ours, data set, budget and track."""
    found: list[Verdict] = []
    for ours in scores:
        if not (ours.kind == OWN and ours.errors):
            continue
        place = [s for s in scores if (s.data, s.budget) == (ours.data, ours.budget)]
        same = [s for s in place if s.errors]
        own = [s for s in same if s.track == ours.track]
        full = [s for name in FULL for s in place if (s.name, s.track) == (name, ours.track)]
        others = [s for s in own if s.distilled and s.kind != OWN]
        learning = [s for s in others if s.kind not in SUBSETS]
        better = [
            s
            for s in same
            if s.mean < ours.mean and s.track in (ours.track, "closed_form") and s is not ours
        ]
        found.append(
            Verdict(
                data=ours.data,
                budget=ours.budget,
                track=ours.track,
                name=ours.name,
                ours=ours,
                full=full[0] if full and full[0].errors else None,
                rival=min(learning, key=lambda s: s.mean, default=None),
                beaten_by=tuple(title_of(s) for s in sorted(better, key=lambda s: s.mean)),
                others=tuple(others),
                same_as=next((v.name for v in found if _same_data(v.ours, ours)), ""),
            )
        )
    return found


def apart(one: Score, other: Score) -> bool:
    """Whether all errors of one are below all of the other."""
    return max(one.errors) < min(other.errors) or max(other.errors) < min(one.errors)


def _same_data(one: Score, other: Score) -> bool:
    place = (one.data, one.budget, one.track, one.errors)
    return place == (other.data, other.budget, other.track, other.errors)


def claims_sections(
    all_of: Sequence[Verdict], memory: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """The three claims, a section each, as lines of Markdown.

    Args:
        all_of: One per comparison.
        memory: What ``jobs/benchmark.py memory`` wrote, by data set.
    """
    lines = []
    once = [verdict for verdict in all_of if not verdict.same_as]
    for heading, sentence, table in (
        ("Faster", _faster_sentence(once), _faster(all_of)),
        ("Smaller", _smaller_sentence(once, memory), [*_memory(memory), *_smaller(all_of)]),
        ("Better", _better_sentence(once), _better(all_of)),
    ):
        lines += [f"## {heading}", "", sentence, "", *table, ""]
    return lines


def _sentence(all_of: Sequence[Verdict], name: str, least: float, unit: str) -> str:
    values = [value for v in all_of if not math.isnan(value := float(getattr(v, name)))]
    if not values:
        return "Not measured: no benchmark trained on the full data."
    holds = sum(value > least for value in values)
    return (
        f"Holds in {holds} of {len(values)} comparisons: {min(values):.2f} to {max(values):.2f} "
        f"{unit}."
    )


def _faster_sentence(all_of: Sequence[Verdict]) -> str:
    return (
        f"{_sentence(all_of, 'faster', 1.0, 'times')} Seconds of one training each, as it ran in "
        "the benchmark, whose cells may have run beside each other."
    )


def _smaller_sentence(all_of: Sequence[Verdict], memory: Sequence[Mapping[str, Any]]) -> str:
    whole = _sentence(all_of, "smaller", 1.0, "times")
    processes = (
        "Resident memory of whole processes that trained one model after another, interpreter, "
        f"libraries and what the allocator keeps included: {whole[0].lower()}{whole[1:]}"
    )
    ratios = [one.ratio for table in memory for one in _trainings(table)]
    if not ratios:
        return f"What training alone takes was not measured. {processes}"
    holds = sum(ratio > 1 for ratio in ratios)
    return (
        "What training takes beyond a process that has loaded the same libraries (4 steps of each "
        "forecaster in a process of its own; all data: the series, 16 windows of all locations a "
        f"step; below {RESOLUTION_MIB:g} MiB counts as that): holds in {holds} of {len(ratios)} "
        f"comparisons, {min(ratios):.1f} to {max(ratios):.1f} times. {processes}"
    )


def _trainings(table: Mapping[str, Any]) -> list[TrainMemory]:
    return [
        TrainMemory(str(one["forecaster"]), float(one["distilled_mib"]), float(one["full_mib"]))
        for one in table["forecasters"]
    ]


def _memory(memory: Sequence[Mapping[str, Any]]) -> list[str]:
    if not memory:
        return []
    rows = []
    for table in memory:
        small, whole = table["distilled"], table["series"]
        sizes = f"{small['windows']} windows x {small['locations']} locations"
        for one in _trainings(table):
            rows.append(
                (
                    f"{table['data']} ({whole['steps']} steps x {whole['locations']} locations)",
                    sizes,
                    one.forecaster,
                    f"{one.distilled_mib:.1f}",
                    f"{one.full_mib:.1f}",
                    f"{one.ratio:.1f}",
                )
            )
    head = ("data", "distilled", "forecaster", "training on it, MiB", "on everything, MiB", "times")
    return [*markdown_table(head, rows), ""]


def _better_sentence(all_of: Sequence[Verdict]) -> str:
    known = [v for v in all_of if v.rival is not None]
    if not known:
        return "Not measured: no other method of distilling was run."
    wins = [v for v in known if v.better > 0]
    clear = [v for v in wins if v.apart]
    worst, best = (f(100 * v.better for v in known) for f in (min, max))
    return (
        f"Lower than the best other method of distilling in {len(wins)} of {len(known)} "
        f"comparisons, in {len(clear)} of them every training below every one of the other; "
        f"{worst:+.1f} to {best:+.1f} %. Below every other method, subsets included, by more than "
        f"the standard deviation over seeds: {_names([v for v in all_of if v.below_all])}."
    )


def _names(verdicts: Sequence[Verdict]) -> str:
    return "; ".join(", ".join(_place(v)) for v in verdicts) or "nowhere"


def _place(verdict: Verdict) -> tuple[str, str, str]:
    told = [f"as {verdict.same_as}"] if verdict.same_as else []
    told += [verdict.ours.failed] if verdict.ours.failed else []
    return (
        f"{verdict.data}, {100 * verdict.budget:g} %",
        TRACK_TITLES[verdict.track],
        f"{verdict.name} ({'; '.join(told)})" if told else verdict.name,
    )


_PLACE = ("data", "track", "variant")


def _faster(all_of: Sequence[Verdict]) -> list[str]:
    rows = [
        (
            *_place(v),
            f"{v.ours.train_seconds:.2f}",
            f"{v.full.train_seconds:.2f} ({ROWS.get(v.full.name).report_title})",
            f"{v.faster:.2f}",
            "-" if v.ours.break_even is None else str(v.ours.break_even),
        )
        for v in all_of
        if v.full is not None
    ]
    head = (*_PLACE, "training, s", "on everything, s", "times", "pays from, models")
    return markdown_table(head, rows)


def _smaller(all_of: Sequence[Verdict]) -> list[str]:
    rows = [
        (*_place(v), f"{v.ours.peak_mib:,.0f}", f"{v.full.peak_mib:,.0f}", f"{v.smaller:.2f}")
        for v in all_of
        if v.full is not None
    ]
    return markdown_table(
        (*_PLACE, "peak of the process, MiB", "on everything, MiB", "times"), rows
    )


def _better(all_of: Sequence[Verdict]) -> list[str]:
    rows = [
        (
            *_place(v),
            f"{error_text(v.ours)}, {v.ours.bytes / 1024:,.0f} KiB",
            "-" if v.rival is None else _rival(v.rival),
            "-" if v.rival is None else f"{100 * v.better:+.1f} %{'' if v.apart else ' (mixed)'}",
            "; ".join(v.beaten_by) or "nothing",
        )
        for v in all_of
    ]
    head = (
        *(*_PLACE, "error, size", "best other method that learns"),
        *("lower by (mixed: some trainings of the other are between)", "what has a lower error"),
    )
    return markdown_table(head, rows)


def _rival(score: Score) -> str:
    size = f"{score.bytes / 1024:,.0f} KiB"
    failed = f"; {score.failed}" if score.failed else ""
    return f"{score.name}: {error_text(score)}, {size}{failed}"


def error_text(score: Score) -> str:
    """A mean with its interval."""
    interval = "" if math.isnan(score.low) else f" ({score.low:.4f} to {score.high:.4f})"
    return f"{score.mean:.4f}{interval}"
