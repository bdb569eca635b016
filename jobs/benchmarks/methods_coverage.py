"""How well a synthetic data set covers the real one.

Axis letters: L lookback, H horizon, F features, W synthetic windows, K synthetic locations.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.seeding import numpy_generator

_SAMPLED = 64  # train windows, and locations, whose pairs are looked at
_AT_A_TIME = 2**16  # synthetic pairs per block of distances


def coverage(dataset: SyntheticDataset, source: PreparedSource, seed: int) -> float:
    """Mean distance of a real window of one location to the nearest synthetic one.

    The distance is the root mean square over inputs and targets, in scaled units; it is 0 where
    every real window is there.

    Args:
        dataset: The synthetic data.
        source: The real series; 64 of its train windows at 64 of its locations are looked at.
        seed: Decides which.
    """
    rng = numpy_generator(seed, "coverage")
    starts, count = source.starts["train"], source.windows.num_locations
    some = np.sort(rng.choice(starts, min(_SAMPLED, len(starts)), replace=False))
    locations = np.sort(rng.choice(count, min(_SAMPLED, count), replace=False))
    windows = replace(source.windows, base=None, calendar=None)
    batch = windows.batch(some, locations)
    real = _pairs(batch.x, batch.y)
    synthetic = _pairs(torch.from_numpy(dataset.x), torch.from_numpy(dataset.y))
    nearest = torch.full((len(real),), math.inf)
    for part in torch.split(synthetic, _AT_A_TIME):
        nearest = torch.minimum(nearest, torch.cdist(real, part).amin(dim=1))
    return float(nearest.mean()) / math.sqrt(real.shape[1])


def _pairs(x: Tensor, y: Tensor) -> Tensor:
    """(W, L, K, F) and (W, H, K) to (W K, L F + H)."""
    inputs = x.permute(0, 2, 1, 3).flatten(2)
    return torch.cat([inputs, y.transpose(1, 2)], dim=2).flatten(0, 1)
