"""From the cells of ``jobs/benchmark.py methods`` to scores by data set, budget, track and name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.benchmarks.intervals import mean_and_interval
from jobs.benchmarks.methods_config import RANDOM, TAUGHT
from stemdist_ray.comparison.break_even import break_even
from stemdist_ray.comparison.table import DISTILLED, TRACKS

SUBSETS = ("random", "random_teacher", "medoid", "centroid", "herding", "k_center", "craig")
"""Methods that choose or average and learn nothing: no methods of distilling."""

FULL = ("full_data", "node_sampled")
"""Rows that stand for training on everything, the first that was trained counts."""

Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Score:
    """One name on one data set, budget and track.

    Args:
        data: Data set.
        budget: Synthetic entries / real ones.
        track: "with_base", "network_alone", or "closed_form".
        name: Of the method or row.
        distilled: Whether it is a method; else a row that needs no distilling.
        kind: The method that this is a variant of, "" for rows.
        errors: Relative RMSE on test of every distillation and evaluator seed.
        mean: Of these.
        low: Lower end of the 95 % interval of the mean (Student's t, all trainings as one sample;
            too narrow where distillations differ by more than trainings on one of them); NaN for a
            single one.
        high: Its upper end.
        std: Standard deviation of the errors; 0 for a single one.
        ior: Gain over the random subset: 1 - error / its error.
        hlr: Loss against full data: error / its error - 1; NaN where that was not trained.
        label_robust: 0 to 100: :func:`label_robust`; NaN where either part is not known.
        coverage: Mean distance of a real window to its nearest synthetic one; NaN for rows.
        bytes: Of inputs and targets; 0 for rows that need no distilling.
        base_bytes: Of the base that networks build upon; 0 on the track without.
        distill_seconds: Base (but for subsets of readings on the track without), teacher and the
            method's own work, mean over seeds; of rows that need no distilling what the base took.
        train_seconds: One model, mean.
        peak_mib: Resident memory of the process while one model was trained and scored, at most.
        break_even: Models after which distilling has saved time against full data; None = never.
        failed: Why there is no result, or none of some seeds; "" where all have one.
    """

    data: str
    budget: float
    track: str
    name: str
    distilled: bool
    kind: str = ""
    errors: tuple[float, ...] = ()
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    std: float = math.nan
    ior: float = math.nan
    hlr: float = math.nan
    label_robust: float = math.nan
    coverage: float = math.nan
    bytes: int = 0
    base_bytes: int = 0
    distill_seconds: float = 0.0
    train_seconds: float = math.nan
    peak_mib: float = math.nan
    break_even: int | None = None
    failed: str = ""

    def total_seconds(self, models: int) -> float:
        """Distilling once and training so many models."""
        return self.distill_seconds + models * self.train_seconds


def label_robust(ior: float, hlr: float) -> float:
    """How good the inputs are whatever the targets: the score of DD-Ranking, on relative RMSE.

    The gain over the random subset *with the same kind of targets* and the loss against full data
    count the same, as a = (gain - loss) / 2, and the score is (e^a - e^-1) / (e - e^-1) in percent.
    (Li et al., DD-Ranking, arXiv:2505.13300, where both are differences of accuracies.)

    Args:
        ior: 1 - error / error of that subset.
        hlr: error / error of full data - 1.
    """
    alpha = min(1.0, max(-1.0, (ior - hlr) / 2))
    return 100 * (math.exp(alpha) - math.exp(-1)) / (math.e - math.exp(-1))


def scores_of(cells: Iterable[Cell]) -> list[Score]:
    """Summarise cells; order: data set, budget, track, then by mean error, failures last."""
    groups: dict[tuple[str, float], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell["data"], cell["budget"]), []).append(cell)
    return [
        score
        for (data, budget), own in groups.items()
        for score in _group_scores(data, budget, own)
    ]


def _group_scores(data: str, budget: float, cells: Sequence[Cell]) -> list[Score]:
    by_method: dict[str, list[Cell]] = {}
    for cell in cells:
        by_method.setdefault(cell["method"], []).append(cell)
    found: list[Score] = []
    drawn = by_method.get(RANDOM, [])  # whose cells hold the rows that need no distilling
    with_rows = [cell for cell in drawn if "failed_rows" in cell]
    for track in TRACKS:
        rows = {
            row: _row_errors(drawn, track, row) for row in _names(drawn, track) if row != DISTILLED
        }
        full_row = next((name for name in FULL if name in rows), "")
        full = _mean(rows.get(full_row, ()))  # not known where that diverged
        full_seconds = _seconds(drawn, track, full_row)
        plain, taught = (
            _mean(_row_errors(by_method.get(name, ()), track, DISTILLED))
            for name in (RANDOM, TAUGHT)
        )
        scores = [
            _method_score(data, budget, track, name, own, plain, taught, full, full_seconds)
            for name, own in by_method.items()
        ]
        scores += [
            replace(
                _row_score(data, budget, track, name, errors, plain, full),
                train_seconds=_seconds(drawn, track, name),
                peak_mib=_peak(drawn, track, name),
                distill_seconds=_mean([_base_seconds(c, track) for c in with_rows]),
                failed=_told(
                    [f for c in with_rows if (f := c["failed_rows"].get(track, {}).get(name))],
                    len(with_rows),
                ),
            )
            for name, errors in rows.items()
        ]
        if any(score.errors for score in scores):
            found += sorted(scores, key=lambda s: (not s.errors, s.mean))
    naive = [cell["naive"] for cell in drawn if cell.get("naive")]
    closed = [
        _row_score(data, budget, "closed_form", name, tuple(row["errors"]), math.nan, math.nan)
        for name, row in (naive[0].items() if naive else ())
    ]
    return found + sorted(closed, key=lambda score: score.mean)


def _names(cells: Sequence[Cell], track: str) -> list[str]:
    """Rows that were trained, those that gave nothing included."""
    names: dict[str, None] = {}
    for cell in cells:
        for kind in ("tracks", "failed_rows"):
            names |= dict.fromkeys(cell.get(kind, {}).get(track, {}))
    return list(names)


def reasons(failed: Mapping[str, str]) -> str:
    """Why a cell has no result on some or all tracks, in one line."""
    if len(set(failed.values())) == 1 and len(failed) == len(TRACKS):
        return next(iter(failed.values()))
    return "; ".join(f"{track}: {reason}" for track, reason in failed.items())


def _told(found: Sequence[str], seeds: int) -> str:
    """Reasons of one name on one track, with how many of its distillations they are of."""
    if not found:
        return ""
    text = "; ".join(sorted(set(found)))
    return text if len(found) == seeds else f"{len(found)} of {seeds} seeds: {text}"


def _rows(cells: Sequence[Cell], track: str, row: str) -> list[Mapping[str, Any]]:
    found = (cell.get("tracks", {}).get(track, {}).get(row) for cell in cells)
    return [row for row in found if row is not None]


def _row_errors(cells: Sequence[Cell], track: str, row: str) -> tuple[float, ...]:
    return tuple(error for found in _rows(cells, track, row) for error in found["errors"])


def _seconds(cells: Sequence[Cell], track: str, row: str) -> float:
    return _mean([found["train_seconds"] for found in _rows(cells, track, row)])


def _peak(cells: Sequence[Cell], track: str, row: str) -> float:
    return max((found["peak_rss_mib"] for found in _rows(cells, track, row)), default=math.nan)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _spread(errors: Sequence[float]) -> dict[str, Any]:
    if len(errors) < 2:
        return {"mean": _mean(errors), "std": 0.0 if errors else math.nan}
    mean, (low, high) = mean_and_interval(errors)
    std = math.sqrt(math.fsum((e - mean) ** 2 for e in errors) / (len(errors) - 1))
    return {"mean": mean, "low": low, "high": high, "std": std}


def _method_score(
    data: str,
    budget: float,
    track: str,
    name: str,
    cells: Sequence[Cell],
    plain: float,
    taught: float,
    full: float,
    full_seconds: float,
) -> Score:
    kind = cells[0]["kind"]
    done = [cell for cell in cells if _rows([cell], track, DISTILLED)]
    errors = _row_errors(done, track, DISTILLED)
    failed = _told([cell["failed"][track] for cell in cells if track in cell["failed"]], len(cells))
    if not errors:
        reason = failed or "not on this track"
        return Score(data, budget, track, name, True, kind, failed=reason)
    mean, train = _mean(errors), _seconds(done, track, DISTILLED)
    distilling = _mean([_distilling(cell, track) for cell in done])
    # Training on everything takes the base, too, where networks build upon it.
    more = distilling - _mean([_base_seconds(cell, track) for cell in done])
    same_targets = taught if done[0]["taught"] else plain
    return Score(
        data,
        budget,
        track,
        name,
        True,
        kind,
        errors=errors,
        **_spread(errors),
        ior=1 - mean / plain,
        hlr=mean / full - 1,
        label_robust=(
            math.nan
            if math.isnan(same_targets) or math.isnan(full)
            else label_robust(1 - mean / same_targets, mean / full - 1)
        ),
        coverage=_mean([cell["coverage"] for cell in done]),
        bytes=round(_mean([cell["bytes"] for cell in done])),
        base_bytes=round(_mean([cell["base_bytes"] for cell in done])) if track == TRACKS[0] else 0,
        distill_seconds=distilling,
        train_seconds=train,
        peak_mib=_peak(done, track, DISTILLED),
        break_even=break_even(more, full_seconds, train),
        failed=failed,
    )


def _base_seconds(cell: Cell, track: str) -> float:
    """What the base took, on the track where every row needs it."""
    return float(cell["seconds"].get("base", 0.0)) if track == TRACKS[0] else 0.0


def _distilling(cell: Cell, track: str) -> float:
    """Seconds until there is something to train on."""
    seconds = float(cell["distill_seconds"])
    if track != TRACKS[0] and cell["kind"] in SUBSETS and not cell["taught"]:
        # Subsets of readings need no base; a teacher, and what is learned, stand on it.
        seconds -= float(cell["seconds"].get("base", 0.0))
    return seconds


def _row_score(
    data: str,
    budget: float,
    track: str,
    name: str,
    errors: tuple[float, ...],
    plain: float,
    full: float,
) -> Score:
    mean = _mean(errors)
    score = Score(data, budget, track, name, False, errors=errors)
    return replace(score, **_spread(errors), ior=1 - mean / plain, hlr=mean / full - 1)
