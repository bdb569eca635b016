"""How well one order of configurations agrees with another.

Axis letters: C configurations, R repeats of what ranks, S repeats of the truth.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Errors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Agreement of an order with the true one.

    Args:
        spearman: Rank correlation, -1 to 1; NaN where all of one side tie.
        kendall: Kendall's tau-b (Kendall 1945), the same.
        chosen: Position of the configuration that what ranks prefers, 0 to C - 1.
        regret: True error of that one minus that of the best.
        regret_percent: The same in percent of the best.
    """

    spearman: float
    kendall: float
    chosen: int
    regret: float
    regret_percent: float


def agreement(errors: Errors, truth: Errors) -> Agreement:
    """Compare the order of some errors with that of others.

    Args:
        errors: (C,) of what ranks; infinite = diverged, which ranks last.
        truth: (C,) the true ones.
    """
    spearman, kendall = _correlations(errors, truth)
    chosen, best = int(np.argmin(errors)), float(np.min(truth))
    regret = float(truth[chosen]) - best if math.isfinite(best) else math.nan
    return Agreement(spearman, kendall, chosen, regret, 100.0 * regret / best)


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

    def to_json(self) -> dict[str, float]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Interval:
        """Read what :meth:`to_json` wrote; null is NaN."""
        return cls(*(math.nan if tree[n] is None else float(tree[n]) for n in _PARTS))


_PARTS = ("value", "low", "high")
MEASURES = ("spearman", "kendall", "regret", "regret_percent")


def intervals(
    errors: Errors, truth: Errors, resamples: int, rng: np.random.Generator
) -> dict[str, Interval]:
    """All measures, with intervals over configurations and repeats.

    Configurations are drawn with replacement, and for either side the repeats as well (bootstrap,
    percentiles). With one repeat the interval says how much hangs on the choice of configurations,
    not on the seed.

    Args:
        errors: (C, R) of what ranks; infinite = diverged.
        truth: (C, S) the true ones.
        resamples: Draws.
        rng: Draws them.

    Returns:
        By the names of :data:`MEASURES`.
    """
    whole = agreement(errors.mean(axis=1), truth.mean(axis=1))
    count, repeats = errors.shape
    drawn = []
    for _ in range(resamples):
        some = rng.integers(count, size=count)
        one = errors[some][:, rng.integers(repeats, size=repeats)].mean(axis=1)
        other = truth[some][:, rng.integers(truth.shape[1], size=truth.shape[1])].mean(axis=1)
        drawn.append(agreement(one, other))
    return {
        name: Interval(getattr(whole, name), *_ends([getattr(one, name) for one in drawn]))
        for name in MEASURES
    }


def _ends(values: list[float]) -> tuple[float, float]:
    # A draw of one configuration over and over has no order.
    known = np.sort([value for value in values if not math.isnan(value)])
    if len(known) == 0:
        return math.nan, math.nan
    # Order statistics: between a finite and an infinite value there is nothing to interpolate.
    low, high = np.percentile(known, (2.5, 97.5), method="nearest")
    return float(low), float(high)
