"""The checkpoint of a running distillation: NumPy arrays and JSON, never pickle."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import JUDGE_SETTINGS, DistillConfig, flatten
from stemdist_ray.distillation.coordinator import RoundRecord, RunState
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.files import replacing_folder, write_json

_VERSION = 2


class CheckpointStore:
    """The one place that knows where a run keeps its checkpoint.

    Args:
        folder: The run's output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "checkpoint"

    def exists(self) -> bool:
        """Whether there is something to resume."""
        return (self.path / "state.json").exists()

    def save(
        self, state: RunState, clustering: Clustering, config: DistillConfig, source: dict[str, Any]
    ) -> None:
        """Replace the checkpoint by the given state."""
        with replacing_folder(self.path) as aside:
            np.savez(aside / "synthetic.npz", **state.synthetic.arrays())  # type: ignore[arg-type]
            np.savez(aside / "best.npz", **state.best.arrays())  # type: ignore[arg-type]
            np.savez(
                aside / "clustering.npz",
                assignment=clustering.assignment,
                cluster_size=clustering.cluster_size,
            )
            tree = {
                "version": _VERSION,
                "round": state.round,
                "best_round": state.best_round,
                "best_score": state.best_score,
                "stopped_early": state.stopped_early,
                "teachers": dict(state.teachers),
                "inertia": clustering.inertia,
                "history": [asdict(record) for record in state.history],
                "source": source,
                "config": config.model_dump(mode="json"),
                "digest": config.algorithm_digest(),
            }
            write_json(aside / "state.json", tree)

    def describe(self) -> dict[str, Any]:
        """Read the JSON part.

        Raises:
            ArtifactError: There is no checkpoint, or it is damaged or of another version.
        """
        path = self.path / "state.json"
        try:
            tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ArtifactError(
                f"nothing to resume: {self.path} holds no checkpoint; leave out --resume"
            ) from error
        except (OSError, ValueError) as error:
            raise ArtifactError(f"checkpoint {path} is damaged: {error}") from error
        if tree.get("version") != _VERSION:
            raise ArtifactError(
                f"checkpoint {path} has version {tree.get('version')}, expected {_VERSION}; "
                "it was written by another release of stemdist_ray"
            )
        return tree

    def load(self, config: DistillConfig) -> tuple[RunState, Clustering]:
        """Read the checkpoint of a run with this configuration.

        Raises:
            ArtifactError: Missing or damaged.
            ConfigError: It was made under settings that give another result.
        """
        tree = self.describe()
        if tree["digest"] != config.algorithm_digest():
            raise ConfigError(
                f"cannot resume {self.path.parent}: it was begun with other settings: "
                f"{describe_differences(tree['config'], config.model_dump(mode='json'))}; "
                "resume without those options, or start anew in another folder"
            )
        try:
            synthetic, best = self._arrays("synthetic"), self._arrays("best")
            with np.load(self.path / "clustering.npz", allow_pickle=False) as file:
                clustering = Clustering(file["assignment"], file["cluster_size"], tree["inertia"])
            history = tuple(RoundRecord(**record) for record in tree["history"])
            state = RunState(
                round=tree["round"],
                synthetic=synthetic,
                best=best,
                best_round=tree["best_round"],
                best_score=tree["best_score"],
                history=history,
                # Asking for more rounds is asking to go on.
                stopped_early=tree["stopped_early"] and config.rounds <= tree["config"]["rounds"],
                teachers=tree["teachers"],
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"checkpoint {self.path} is damaged: {error}") from error
        return state, clustering

    def remove(self) -> None:
        """Delete the checkpoint."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _arrays(self, name: str) -> SyntheticState:
        with np.load(self.path / f"{name}.npz", allow_pickle=False) as file:
            return SyntheticState(**{key: file[key] for key in file.files})


def describe_differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """List the settings that differ, as ``name: old -> new``."""
    before, after = flatten(old), flatten(new)
    ignored = ("worker.num_workers", "tracking.", "evaluation.", "rounds")
    kept = {f"evaluation.{name}" for name in JUDGE_SETTINGS}
    names = [n for n in sorted({*before, *after}) if n in kept or not n.startswith(ignored)]
    parts = [
        f"{name} was {before.get(name)} and is {after.get(name)}"
        for name in names
        if before.get(name) != after.get(name)
    ]
    return "; ".join(parts)
