"""Seeded random partitions of the synthetic locations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def random_partition(
    count: int, parts: int, rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Cut ``range(count)`` at random into parts whose sizes differ by at most one.

    With fewer items than parts there are ``count`` parts of one item each, so no
    part is ever empty. Positions inside a part are sorted.
    """
    order = rng.permutation(count)
    return [np.sort(piece) for piece in np.array_split(order, min(parts, count))]
