"""A ranking in words: its table, what the table says, and the page ``rank.md``."""

from __future__ import annotations

import math

import numpy as np

from stemdist_ray.comparison.markdown import markdown_table
from stemdist_ray.comparison.ranking.agreement import Interval
from stemdist_ray.comparison.ranking.cells import DISTILLED, FULL, look_of
from stemdist_ray.comparison.ranking.result import Ranked, Ranking

COLUMNS = (
    "trained on",
    "Spearman",
    "Kendall",
    "regret",
    "regret %",
    "chosen",
    "s in all",
    "per s saved",
    "finalist %",
    "s then",
)
ADVANTAGE = "distilled above"


def table_cells(one: Ranked, *, short: bool = False) -> tuple[str, ...]:
    """The texts of :data:`COLUMNS`.

    Args:
        one: What ranks.
        short: Leave out all intervals but that of Spearman's correlation, for a terminal.
    """
    measures = one.measures
    per_second = one.regret_per_second_saved
    shown = _value if short else _with_interval
    return (
        look_of(one.trained_on).title,
        _with_interval(measures["spearman"], 2),
        shown(measures["kendall"], 2),
        _value(measures["regret"], 4),
        shown(measures["regret_percent"], 1),
        one.chosen,
        f"{one.seconds:.0f}",
        "-" if math.isnan(per_second) else f"{per_second:.1e}" if per_second else "0",
        shown(measures["finalist_regret_percent"], 1),
        f"{one.seconds + one.finalist_seconds:.0f}",
    )


def _value(interval: Interval, digits: int) -> str:
    return _text(interval.value, digits)


def _with_interval(interval: Interval, digits: int) -> str:
    value, low, high = (_text(getattr(interval, n), digits) for n in ("value", "low", "high"))
    return value if value == "-" else f"{value} [{low}, {high}]"


def _text(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value + 0.0:.{digits}f}"


def explanation(ranking: Ranking) -> str:
    """What the table says, in plain words."""
    alone = ranking.track == "network_alone"
    track = "networks alone" if alone else "networks on top of a base"
    best = float(ranking.truth().mean(axis=1).min())
    short = too_short(ranking)
    doubt = (
        f" {short} of {len(ranking.configurations)} configurations validate better by more than a "
        "percent on other data than after full training: it was too short for a truth; give it "
        "more epochs."
        if short
        else ""
    )
    seeds = f"{ranking.repeats} seed{'s' if ranking.repeats > 1 else ''}"
    return (
        f"{len(ranking.configurations)} configurations, {seeds} each, {track}. What ranks is the "
        "relative RMSE on the real validation split of models trained on the data of a row; the "
        f"truth is the test error of full training, best {ranking.best} ({best:.3f}). regret: test "
        "error after full training of the configuration a row would choose, minus the best. s in "
        "all: one search, with what its data cost before (distilling, teacher, base); per s saved: "
        "regret over the seconds saved against full training. finalist %: regret where the "
        f"{ranking.finalists} that validate best are trained fully and the best of these by "
        "validation is taken; s then: with the seconds of that. [95 %]: bootstrap over "
        "configurations" + (" and seeds." if ranking.repeats > 1 else ".")
    ) + doubt


def too_short(ranking: Ranking) -> int:
    """How many configurations validate better, by more than 1 %, on less than full training."""
    full = ranking.errors(FULL).mean(axis=1)
    full[~np.isfinite(full)] = 0.0  # what diverged would not get better by more epochs
    others = [ranking.errors(name).mean(axis=1) for name in ranking.ranked if name != FULL]
    return int(np.sum(np.min(others, axis=0) < full / 1.01))


def markdown(ranking: Ranking) -> str:
    """The page ``rank.md``."""
    source = ranking.source.replace("`", "'")  # anybody's text: a code span, nothing in it counts
    lines = [f"# Ranking configurations for `{source}`", "", explanation(ranking), ""]
    # How far the distilled data rank better than a row is told where the intervals of pairs are.
    lines += markdown_table(
        (*COLUMNS, ADVANTAGE),
        [(*table_cells(one), advantage_cell(one)) for one in ranking.ranked.values()],
    )
    lines += [
        "",
        f"{ADVANTAGE}: Spearman of the distilled data minus that of the row, on equal resamples.",
    ]
    if ranking.command:
        lines += ["", f"Made by `{ranking.command}`."]
    lines += ["", "## Every configuration", ""]
    lines += [
        "Relative RMSE, mean over seeds: on validation by what was trained on, and on test after "
        "full training. *diverged*: no finite error.",
        "",
    ]
    kinds = list(ranking.ranked)
    errors = {name: ranking.errors(name).mean(axis=1) for name in kinds}
    truth = ranking.truth().mean(axis=1)
    head = ("configuration", *(look_of(name).title for name in kinds), "test")
    body = [
        (
            ranking.configurations[i].name,
            *(_error(errors[name][i]) for name in kinds),
            _error(truth[i]),
        )
        for i in np.argsort(truth, kind="stable")
    ]
    return "\n".join([*lines, *markdown_table(head, body), ""])


def advantage_cell(one: Ranked) -> str:
    """How far the distilled data rank better than a row, the text below :data:`ADVANTAGE`."""
    if one.advantage is None or one.trained_on == DISTILLED:
        return "-"
    return _with_interval(one.advantage, 2)


def _error(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "diverged"
