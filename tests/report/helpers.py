"""Results of comparisons that were never made."""

from stemdist_ray.comparison.rows import CurvePoint, RowResult
from stemdist_ray.comparison.table import Evaluation
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Summary


def row(error, seconds=1.0):
    """A row all of whose metrics are ``error``, over two horizon steps."""
    values = {name: {"mean": float(error), "std": 0.01} for name in METRIC_NAMES}
    steps = {"mean": [float(error)] * 2, "std": [0.01, 0.01]}
    summary = Summary(values, dict.fromkeys(METRIC_NAMES, steps), 2)
    curve = (
        CurvePoint(25, seconds / 2, float(error), 2.0 * error, 0.02),
        CurvePoint(50, seconds, float(error), float(error), 0.01),
    )
    return RowResult(summary, summary, train_seconds=seconds, curve=curve)


def evaluation(rows, naive, alone=None, distill_seconds=100.0):
    tracks = {"with_base": rows} if alone is None else {"with_base": rows, "network_alone": alone}
    return Evaluation(tracks, naive, "stid", "fair", 0, 100.0, distill_seconds)
