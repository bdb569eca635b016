"""When distilling pays."""

from __future__ import annotations

import math


def break_even(distill_seconds: float, full_seconds: float, distilled_seconds: float) -> int | None:
    """Number of trained models after which distilling has saved time.

    Distilling costs once; every model that is trained on the distilled instead of the full data
    saves the difference (STemDist, arXiv:2603.10410, cost of n trained models).

    Args:
        distill_seconds: Distilling, the teacher included.
        full_seconds: Training one model on the full data.
        distilled_seconds: Training one on the distilled data.

    Returns:
        At least 1; None where a model does not train faster on the distilled data.
    """
    saved = full_seconds - distilled_seconds
    if saved <= 0:
        return None
    return max(1, math.ceil(distill_seconds / saved))
