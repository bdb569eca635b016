"""When distilling pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stemdist_ray.baselines.rows import ROWS


class Point(Protocol):
    """A point on the way of a training."""

    @property
    def train_seconds(self) -> float:
        """Time in training steps so far."""

    @property
    def test(self) -> float:
        """Relative RMSE on the test split."""


class Trained(Protocol):
    """A row, as far as costs are concerned."""

    @property
    def curve(self) -> Sequence[Point]:
        """Errors along the way."""


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
    if not saved > 0 or math.isnan(distill_seconds):
        return None
    return max(1, math.ceil(distill_seconds / saved))


def seconds_to_reach(curve: Sequence[Point], error: float) -> float | None:
    """Training time to the first point whose test error is no higher; None where there is none."""
    return next((point.train_seconds for point in curve if point.test <= error), None)


def break_evens(
    tracks: Mapping[str, Mapping[str, Trained]], distill_seconds: float
) -> dict[str, dict[str, Any]]:
    """When distilling pays against each way to train on the full data.

    Every way is given the time to its own best error; training on the distilled data (on the
    default track) the time to reach the same error.

    Args:
        tracks: Rows by track, the default one first.
        distill_seconds: Base, teacher and rounds.

    Returns:
        By "track.row": the error, the seconds of either side to reach it, and the number of models
        (None where the distilled data never reach it, or are not faster).
    """
    own = next(iter(tracks.values()))["distilled"].curve
    found: dict[str, dict[str, Any]] = {}
    for track, rows in tracks.items():
        for name in ("node_sampled", "st_prune", "full_data"):
            curve = rows[name].curve if name in rows else ()
            if not curve or not own:
                continue
            best = min(point.test for point in curve)
            full, distilled = seconds_to_reach(curve, best), seconds_to_reach(own, best)
            assert full is not None
            models = None
            if distilled is not None:
                models = break_even(distill_seconds, full, distilled)
            found[f"{track}.{name}"] = {
                "relative_rmse": best,
                "full_seconds": full,
                "distilled_seconds": distilled,
                "models": models,
            }
    return found


def break_even_lines(
    tracks: Mapping[str, Mapping[str, Trained]], distill_seconds: float
) -> list[str]:
    """The same in words, one line per way to train on the full data."""
    lines = []
    for name, found in break_evens(tracks, distill_seconds).items():
        track, row = name.split(".")
        how = "with base" if track == "with_base" else "alone"
        text = f"against {ROWS.get(row).title}, {how} ({found['relative_rmse']:.3f} in "
        text += f"{found['full_seconds']:.1f} s): "
        if found["distilled_seconds"] is None:
            text += "not reached on the distilled data"
        elif found["models"] is None:
            text += f"as good after {found['distilled_seconds']:.1f} s; distilling does not pay"
        else:
            text += f"as good after {found['distilled_seconds']:.1f} s; distilling pays from "
            text += f"{found['models']} models on"
        lines.append(text)
    return lines
