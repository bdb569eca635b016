"""Experts on disk, one sealed file each, written as soon as an expert is trained. No pickle.

A run that dies while its experts train does not train again what it has. Everything that decides an
expert is part of its folder's name.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from stemdist_ray.config import DistillConfig
from stemdist_ray.config.layers import without
from stemdist_ray.distillation.experts import Expert, ExpertPlan
from stemdist_ray.system.seal import read_kept, write_sealed_bytes

_VERSION = 1
# What an expert does not depend on; a new setting counts as deciding until it is named here.
_NOT_DECIDING = (
    *("method", "method_options", "budget", "spatial_ratio", "temporal_ratio", "num_shards"),
    *("clustering", "matching", "refine", "teacher", "validation"),
)


def expert_key(config: DistillConfig, plan: ExpertPlan, source_hash: str) -> str:
    """A name for all that decides the experts but their number: readings, settings, plan.

    Args:
        config: The run's.
        plan: How they are trained.
        source_hash: Content hash of the readings.
    """
    deciding = without(config.deciding(), _NOT_DECIDING)
    how = {name: value for name, value in asdict(plan).items() if name != "count"}
    text = json.dumps([_VERSION, source_hash, deciding, how], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class ExpertStore:
    """The experts that one kind of training gives.

    Args:
        root: Folder of all kinds.
        config: Of the run.
        plan: How they are trained.
        source_hash: Content hash of the readings.
    """

    def __init__(
        self, root: Path, config: DistillConfig, plan: ExpertPlan, source_hash: str
    ) -> None:
        self.folder = root / f"experts-{expert_key(config, plan, source_hash)}"

    def load(self, index: int) -> Expert | None:
        """See :class:`stemdist_ray.distillation.experts.ExpertKeeper`."""
        return read_kept(self._at(index), partial(_read, index))

    def save(self, expert: Expert) -> None:
        """See :class:`stemdist_ray.distillation.experts.ExpertKeeper`."""
        content = io.BytesIO()
        cost = np.array([expert.seconds, expert.peak_rss_mib])
        np.savez(content, weights=expert.weights, cost=cost)
        write_sealed_bytes(self._at(expert.index), content.getvalue())

    def _at(self, index: int) -> Path:
        return self.folder / f"{index}.expert"


def _read(index: int, content: bytes) -> Expert:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        seconds, peak = file["cost"].tolist()
        return Expert(file["weights"], seconds, peak, index)
