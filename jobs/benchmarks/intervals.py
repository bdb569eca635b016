"""Means with their intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy import stats


def mean_and_interval(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Mean of two or more values, and its 95 % interval by Student's t."""
    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return mean, (mean - half, mean + half)
