"""Ridge regression on the lags."""

from __future__ import annotations

from typing import ClassVar

from stemdist_ray.forecasters.closed_form.seasonal_linear import LinearBase


class RidgeOnLags(LinearBase):
    """Linear regression from a location's lookback to each horizon step, shared by all locations.

    Fitted on all train windows and locations whose target was observed; validation chooses the
    penalty.
    """

    kind: ClassVar[str] = "ridge"
