"""How well one order of configurations agrees with another, and what choosing by it costs.

Axis letters: C configurations, R repeats of what ranks, S repeats of the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Errors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """What full training says of each configuration.

    Args:
        test: (C, S) its test errors, the truth; infinite = diverged.
        validation: (C, S) its validation errors, which choose among finalists; None = ``test``.
        finalists: How many configurations somebody who searches trains fully in the end.
    """

    test: Errors
    validation: Errors | None = None
    finalists: int = 1


@dataclass(frozen=True)
class Agreement:
    """Agreement of an order with the true one.

    Args:
        spearman: Rank correlation, -1 to 1; NaN where all of one side tie.
        kendall: Kendall's tau-b (Kendall 1945), the same.
        chosen: Position of the configuration that what ranks prefers, 0 to C - 1.
        regret: True error of that one minus that of the best.
        regret_percent: The same in percent of the best.
        finalist: Position of the one that full training chooses, by its own validation error,
            among the finalists: those that what ranks prefers.
        finalist_regret: As ``regret``, of that one.
        finalist_regret_percent: The same in percent of the best.
    """

    spearman: float
    kendall: float
    chosen: int
    regret: float
    regret_percent: float
    finalist: int
    finalist_regret: float
    finalist_regret_percent: float


def agreement(
    errors: Errors, truth: Truth, places: npt.NDArray[np.intp] | None = None
) -> Agreement:
    """Compare the order of some errors with the true one.

    Args:
        errors: (C, R) of what ranks; infinite = diverged, which ranks last.
        truth: Of the same configurations; means over repeats count.
        places: (P,) positions of which finalists are taken; None = all. A resample holds copies,
            and two copies of one configuration would be one finalist.
    """
    ours, true = errors.mean(axis=1), truth.test.mean(axis=1)
    full = true if truth.validation is None else truth.validation.mean(axis=1)
    spearman, kendall = _correlations(ours, true)
    places = np.arange(len(ours)) if places is None else places
    finalists = places[np.argsort(ours[places], kind="stable")[: truth.finalists]]
    finalist = int(finalists[np.argmin(full[finalists])])
    chosen, best = int(np.argmin(ours)), float(np.min(true))
    regret, last = (
        float(true[one]) - best if math.isfinite(best) else math.nan for one in (chosen, finalist)
    )
    return Agreement(
        spearman,
        kendall,
        chosen,
        regret,
        100.0 * regret / best,
        finalist,
        last,
        100.0 * last / best,
    )


def _correlations(errors: Errors, truth: Errors) -> tuple[float, float]:
    one, other = rankdata(errors), rankdata(truth)  # ranks, as infinities have no mean
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan, math.nan
    pairs = np.sign(one[:, None] - one), np.sign(other[:, None] - other)
    together = float(np.vdot(*pairs)) / math.sqrt(np.prod([np.vdot(p, p) for p in pairs]))
    return float(np.corrcoef(one, other)[0, 1]), together


@dataclass(frozen=True)
class Interval:
    """A number with the interval that 95 % of resamples lie in; NaN where it is not known.

    Args:
        value: Of all that was measured.
        low: 2.5th percentile.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """As plain data; JSON has no infinities, so ``infinite`` names the parts that are."""
        infinite = [name for name in _PARTS if getattr(self, name) == math.inf]
        return {**asdict(self), **({"infinite": infinite} if infinite else {})}

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Interval:
        """Read what :meth:`to_json` wrote; null is NaN, but for what is infinite."""
        unknown = dict.fromkeys(tree.get("infinite", ()), math.inf)
        return cls(*(unknown.get(n, math.nan) if tree[n] is None else tree[n] for n in _PARTS))


_PARTS = ("value", "low", "high")
MEASURES = (
    *("spearman", "kendall", "regret", "regret_percent"),
    *("finalist_regret", "finalist_regret_percent"),
)


def resampled(
    errors: Errors, truth: Truth, resamples: int, rng: np.random.Generator
) -> list[Agreement]:
    """Agreement on resamples of configurations and repeats.

    Configurations are drawn with replacement, and for either side the repeats as well. The same
    generator gives the same draws of configurations for all that rank, whose differences are then
    those of pairs.

    Args:
        errors: (C, R) of what ranks; infinite = diverged.
        truth: Of the same configurations.
        resamples: Draws.
        rng: Draws them.
    """
    count, repeats = errors.shape
    drawn = []
    for _ in range(resamples):
        some = rng.integers(count, size=count)
        one = errors[some][:, rng.integers(repeats, size=repeats)]
        seeds = rng.integers(truth.test.shape[1], size=truth.test.shape[1])
        full = None if truth.validation is None else truth.validation[some][:, seeds]
        other = Truth(truth.test[some][:, seeds], full, truth.finalists)
        drawn.append(agreement(one, other, np.unique(some, return_index=True)[1]))
    return drawn


def intervals(whole: Agreement, drawn: Sequence[Agreement]) -> dict[str, Interval]:
    """All measures, with intervals over configurations and repeats (bootstrap, percentiles).

    With one repeat the interval says how much hangs on the choice of configurations, not on the
    seed.

    Args:
        whole: Of all that was measured.
        drawn: Of its resamples.

    Returns:
        By the names of :data:`MEASURES`.
    """
    return {
        name: Interval(getattr(whole, name), *_ends([getattr(one, name) for one in drawn]))
        for name in MEASURES
    }


def advantage(
    ours: tuple[Agreement, Sequence[Agreement]], other: tuple[Agreement, Sequence[Agreement]]
) -> Interval:
    """Spearman's correlation of one kind of data minus that of another, draw by draw.

    Args:
        ours: Of all that was measured, and of its resamples.
        other: The same of the other, with the same draws.
    """
    value = ours[0].spearman - other[0].spearman
    pairs = zip(ours[1], other[1], strict=True)
    return Interval(value, *_ends([one.spearman - two.spearman for one, two in pairs]))


def _ends(values: list[float]) -> tuple[float, float]:
    # A draw of one configuration over and over has no order.
    known = np.sort([value for value in values if not math.isnan(value)])
    if len(known) == 0:
        return math.nan, math.nan
    # Order statistics: between a finite and an infinite value there is nothing to interpolate.
    low, high = np.percentile(known, (2.5, 97.5), method="nearest")
    return float(low), float(high)
