"""Sums that a least-squares map is fitted from, added up block by block.

A block is some windows of some locations; its sums are a pure task, so any number of workers may
share the blocks. The sums of the blocks are added in their order, whoever computed them: the same
bits for any number of workers. A block is large and computed piece by piece: every result that is
kept while the next one is computed costs memory here, and a message where workers compute it. Axis
letters: W windows, H horizon, N locations, D inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import torch
from scipy import linalg

from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.forecasters.closed_form.base_model import BoundBase, design
from stemdist_ray.system.threads import torch_threads

Positions = npt.NDArray[np.int64]

_ROWS_PER_BLOCK = 262_144  # windows times locations
_ROWS_AT_A_TIME = 32_768  # some tens of MiB of inputs
_LOCATIONS_PER_BLOCK = 2_048


@dataclass(frozen=True)
class GramSums:
    """Sums over windows and locations, float64.

    Args:
        gram: (H, D, D) sum of inputs times inputs per horizon step, (1, D, D) where all targets
            were observed; sums of either kind may be added.
        moment: (H, D) sum of targets times inputs.
        square: (H,) sum of squared targets.
        count: (H,) observed targets.
    """

    gram: npt.NDArray[np.float64]
    moment: npt.NDArray[np.float64]
    square: npt.NDArray[np.float64]
    count: npt.NDArray[np.float64]

    def __add__(self, other: GramSums) -> GramSums:
        return GramSums(
            self.gram + other.gram,
            self.moment + other.moment,
            self.square + other.square,
            self.count + other.count,
        )

    @property
    def horizon(self) -> int:
        """H."""
        return len(self.moment)

    def solve(self, penalty: float) -> npt.NDArray[np.float64]:
        """Least squares with a ridge penalty; the last input, the one, is not shrunk.

        Args:
            penalty: Per observed target; the inputs are of about unit variance.

        Returns:
            (H, D) weights.
        """
        shrink = np.full(self.moment.shape[1], penalty)
        shrink[-1] = 1e-9
        weights = []
        for step in range(self.horizon):
            gram = self.gram[step % len(self.gram)]
            matrix = gram + np.diag(shrink * max(self.count[step], 1.0))
            weights.append(linalg.solve(matrix, self.moment[step], assume_a="pos"))
        return np.stack(weights)

    def squared_error(self, weights: npt.NDArray[np.float64]) -> float:
        """Sum of squared errors of a map on the windows the sums were made of, scaled units."""
        total = 0.0
        for step, row in enumerate(weights):
            gram = self.gram[step % len(self.gram)]
            total += self.square[step] - 2 * row @ self.moment[step] + row @ gram @ row
        return float(total)


@dataclass(frozen=True)
class GramTask:
    """One block.

    Args:
        name: For messages.
        base: Which of the shared bases gives the inputs.
        starts: (W,) window starts.
        locations: (n,) positions.
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    base: int
    starts: Positions
    locations: Positions
    threads: int


@dataclass(frozen=True)
class GramMaterial:
    """What all blocks share; read only.

    Args:
        windows: The scaled series.
        bases: Bound bases whose parts are the inputs; their weights play no role.
    """

    windows: WindowedSeries
    bases: tuple[BoundBase, ...]


def block_sums(material: GramMaterial, task: GramTask) -> GramSums:
    """The sums of one task, a few windows at a time."""
    step = max(1, _ROWS_AT_A_TIME // len(task.locations))
    firsts = range(0, len(task.starts), step)
    with torch_threads(task.threads):
        return added(_sums_of(material, task, task.starts[i : i + step]) for i in firsts)


def _sums_of(material: GramMaterial, task: GramTask, starts: Positions) -> GramSums:
    windows = material.windows
    x = design(material.bases[task.base], windows, starts, task.locations)
    rows = torch.from_numpy(x.reshape(-1, x.shape[2]))  # (W n, D)
    steps = starts[:, None] + windows.lookback + np.arange(windows.horizon)
    at = steps[:, :, None], task.locations
    y = windows.inputs[..., windows.target][at].transpose(1, 0, 2)  # (H, W, n)
    targets = torch.from_numpy(y.reshape(len(y), -1).astype(np.float64))
    seen = None
    if windows.input_mask is not None:
        mask = windows.input_mask[..., windows.target][at].transpose(1, 0, 2)
        if not mask.all():
            seen = torch.from_numpy(mask.reshape(len(mask), -1).copy())
            # Missing entries are stored as 0: they add nothing to moment and square.
    gram = (rows.T @ rows)[None]
    if seen is not None:
        # Everything, less what belongs to missing targets: mostly few rows.
        gram = torch.stack([gram[0] - _gram_of(rows[~own]) for own in seen])
    count = targets.new_full((len(y),), targets.shape[1])
    return GramSums(
        gram=gram.numpy(),
        moment=(targets @ rows).numpy(),
        square=targets.square().sum(dim=1).numpy(),
        count=(count if seen is None else seen.sum(dim=1).double()).numpy(),
    )


def _gram_of(rows: torch.Tensor) -> torch.Tensor:
    return rows.T @ rows


def gram_tasks(
    name: str, base: int, starts: Positions, locations: Positions, threads: int
) -> list[GramTask]:
    """Cut windows and locations into blocks; the cut does not depend on who computes them."""
    tasks: list[GramTask] = []
    for left in range(0, len(locations), _LOCATIONS_PER_BLOCK):
        some = locations[left : left + _LOCATIONS_PER_BLOCK]
        step = max(1, _ROWS_PER_BLOCK // len(some))
        for first in range(0, len(starts), step):
            rows = starts[first : first + step]
            tasks.append(GramTask(f"{name}, block {len(tasks)}", base, rows, some, threads))
    return tasks


def added(sums: Iterable[GramSums]) -> GramSums:
    """Add the sums of blocks, in their order."""
    return reduce(GramSums.__add__, sums)


def best_penalty(
    train: GramSums, validation: GramSums, penalties: Sequence[float]
) -> tuple[float, npt.NDArray[np.float64], float]:
    """The penalty whose map does best on validation.

    Returns:
        The penalty, its (H, D) weights and its sum of squared errors on validation.
    """
    maps = {penalty: train.solve(penalty) for penalty in penalties}
    errors = {penalty: validation.squared_error(weights) for penalty, weights in maps.items()}
    best = min(errors, key=errors.__getitem__)
    return best, maps[best], errors[best]
