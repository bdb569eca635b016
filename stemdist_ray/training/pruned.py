"""Full data of which every epoch leaves out windows that are forecast well already.

A window is kept with a probability that grows with its running loss, and counts for one over that
probability, so that the mean gradient of an epoch stays that of all windows. The last epochs see
everything.

Source: Chen et al., "Learning from Complexity: Exploring Dynamic Sample Pruning of Spatio-Temporal
Training" (ST-Prune, 2026, arXiv:2602.19113), written from its published description; the weights
are those of Qin et al., "InfoBatch" (ICLR 2024, arXiv:2303.04947).

Axis letters: M train windows, W windows of a step, N locations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.training.steps import FullData, TrainingStep, full_step, one_ahead

_LOWEST = 0.25  # of the mean probability: no window counts for more than four times the others
_MEMORY = 0.5  # of a running loss


def keep_probabilities(scores: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.float64]:
    """Probabilities in proportion to scores, cut to what is possible, with a given mean.

    Args:
        scores: (M,) not negative.
        share: Mean of the probabilities, above 0 and at most 1.

    Returns:
        (M,) from a quarter of the mean to 1.
    """
    lowest = _LOWEST * share
    unit = scores / max(float(scores.mean()), 1e-12)
    # Their mean grows with the factor: halve the interval until it is the one that is asked for.
    low, high = 0.0, 1.0
    while np.clip(high * unit, lowest, 1.0).mean() < share and high < 2**40:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        below = np.clip(middle * unit, lowest, 1.0).mean() < share
        low, high = (middle, high) if below else (low, middle)
    return np.asarray(np.clip(high * unit, lowest, 1.0), np.float64)


@dataclass
class PrunedData:
    """Full data, pruned anew for every epoch.

    Args:
        full: All of them.
        share: Of the windows that an epoch keeps, in the mean.
        epochs: Of the whole training.
        last: How many of these, at the end, see everything. The first one does, too: nothing is
            known of the windows before it.
        losses: (M,) running loss of every window.
        number: Epochs begun.
    """

    full: FullData
    share: float
    epochs: int
    last: int
    losses: npt.NDArray[np.float64] = field(init=False)
    number: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.losses = np.full(len(self.full.starts), np.nan)

    def probabilities(self) -> npt.NDArray[np.float64]:
        """(M,) with which windows are kept in the epoch that has begun; 1 for all = everything."""
        everything = self.number == 1 or self.number > self.epochs - self.last
        if everything or np.isnan(self.losses).any():
            return np.ones(len(self.losses))
        return keep_probabilities(self.losses, self.share)

    def epoch(self, rng: np.random.Generator) -> Iterator[TrainingStep]:
        """Yield one shuffled pass over the windows that are kept."""
        self.number += 1
        keep = self.probabilities()
        kept = np.flatnonzero(rng.random(len(keep)) < keep)
        if len(kept) == 0:
            kept = np.array([int(keep.argmax())])
        # The mean weight is about 1, so that a rate means what it does on all windows.
        weights = len(kept) / len(keep) / keep
        order = rng.permutation(kept)
        batch = self.full.batch
        parts = [order[first : first + batch] for first in range(0, len(order), batch)]
        yield from one_ahead(lambda rows: self._step(rows, weights), parts)

    def _step(self, rows: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> TrainingStep:
        full = self.full
        step = full_step(full.windows, full.starts[rows], None, full.mean_window, full.device)
        own = torch.tensor(weights[rows], dtype=torch.float32, device=full.device)
        seen = 0

        def told(losses: Tensor) -> None:
            # Pieces of a step come in their order.
            nonlocal seen
            some = rows[seen : seen + len(losses)]
            seen += len(losses)
            new, old = losses.cpu().numpy().astype(np.float64), self.losses[some]
            running = _MEMORY * old + (1 - _MEMORY) * new
            self.losses[some] = np.where(np.isnan(old), new, running)

        return replace(step, weights=own[:, None, None] * step.weights, told=told)
