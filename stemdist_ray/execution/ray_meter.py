"""Numbers for a monitor, exported by Ray: every node of a cluster shows those of its processes."""

from __future__ import annotations

import functools
import math
from typing import Any

from ray.util.metrics import Counter, Gauge

from stemdist_ray.execution.metering import Metric


@functools.cache
def _instrument(metric: Metric) -> Any:
    """The one object of a process that exports a metric."""
    kind = Counter if metric.counts else Gauge
    return kind(metric.name, metric.about, ("Run", *metric.labels))


class RayMeter:
    """Hands numbers to Ray.

    Args:
        run: Tells the run apart, see :func:`stemdist_ray.execution.metering.run_label`.
    """

    def __init__(self, run: str) -> None:
        self.run = run

    def set(self, metric: Metric, value: float | None, label: str = "") -> None:
        """See :class:`stemdist_ray.execution.metering.Meter`."""
        if value is not None and math.isfinite(value):
            _instrument(metric).set(float(value), self._tags(metric, label))

    def count(self, metric: Metric, label: str = "") -> None:
        """See :class:`stemdist_ray.execution.metering.Meter`."""
        _instrument(metric).inc(1.0, self._tags(metric, label))

    def _tags(self, metric: Metric, label: str) -> dict[str, str]:
        return {"Run": self.run, **dict.fromkeys(metric.labels, label)}
