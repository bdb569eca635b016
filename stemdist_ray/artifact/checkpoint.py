"""The checkpoint of a running distillation: NumPy arrays and JSON, never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from stemdist_ray.artifact.base_files import load_base, save_base
from stemdist_ray.artifact.teacher_files import load_teacher, save_teacher
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig, build_config, describe_differences
from stemdist_ray.data.describe import SourceDescription
from stemdist_ray.distillation.budget import Balance
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.run_state import RoundRecord, RunState, resumed
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase
from stemdist_ray.system.files import read_json, replacing_folder, write_json
from stemdist_ray.system.stages import StageRecord

CHECKPOINT = "checkpoint"
_VERSION = 4


@dataclass(frozen=True)
class Checkpoint:
    """All that is written down after a round.

    Args:
        state: Of the rounds.
        clustering: Of the locations.
        config: Settings of the run.
        source: What is distilled.
        stages: What the run's stages have cost the driver so far.
        fitted_base: The base, None without one.
        teacher: Who gave the first targets, None without a teacher.
        balances: Ways to spend the budget that were tried, best first.
    """

    state: RunState
    clustering: Clustering
    config: DistillConfig
    source: SourceDescription
    stages: Mapping[str, StageRecord] = field(default_factory=dict)
    fitted_base: FittedBase | None = None
    teacher: Teacher | None = None
    balances: tuple[Balance, ...] = ()


class CheckpointStore:
    """The one place that knows where a run keeps its checkpoint.

    Args:
        folder: The run's output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKPOINT

    def exists(self) -> bool:
        """Whether there is something to resume."""
        return (self.path / "state.json").exists()

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint by another."""
        state, clustering, config = checkpoint.state, checkpoint.clustering, checkpoint.config
        with replacing_folder(self.path) as aside:
            np.savez(aside / "synthetic.npz", **state.synthetic.arrays())  # type: ignore[arg-type]
            np.savez(aside / "best.npz", **state.best.arrays())  # type: ignore[arg-type]
            np.savez(
                aside / "clustering.npz",
                assignment=clustering.assignment,
                cluster_size=clustering.cluster_size,
                medoids=np.zeros(0, int) if clustering.medoids is None else clustering.medoids,
            )
            if checkpoint.fitted_base is not None:
                save_base(aside, checkpoint.fitted_base)
            if checkpoint.teacher is not None:
                save_teacher(aside, checkpoint.teacher)
            tree = {
                "version": _VERSION,
                "round": state.round,
                "best_round": state.best_round,
                "best_score": state.best_error,
                "final_error": state.final_error,
                "stopped_early": state.stopped_early,
                "teachers": dict(state.teachers),
                "inertia": clustering.inertia,
                "balances": [asdict(balance) for balance in checkpoint.balances],
                "history": [asdict(record) for record in state.history],
                "source": checkpoint.source.to_json(),
                "config": config.model_dump(mode="json"),
                "digest": config.algorithm_digest(),
                "stages": {name: asdict(record) for name, record in checkpoint.stages.items()},
            }
            write_json(aside / "state.json", tree)

    def config(self) -> DistillConfig:
        """The settings that the run was begun with.

        Raises:
            ArtifactError: There is no checkpoint, or it is damaged or of another version.
        """
        tree = self._describe()
        try:
            return build_config("standard", tree["config"])
        except (ConfigError, KeyError) as error:
            raise ArtifactError(f"checkpoint {self.path} is damaged: {error}") from error

    def load(self) -> Checkpoint:
        """Read the checkpoint.

        Raises:
            ArtifactError: Missing, damaged or of another version.
        """
        tree, config = self._describe(), self.config()
        try:
            with np.load(self.path / "clustering.npz", allow_pickle=False) as file:
                clustering = Clustering(
                    assignment=file["assignment"],
                    cluster_size=file["cluster_size"],
                    inertia=tree["inertia"],
                    medoids=file["medoids"] if len(file["medoids"]) else None,
                )
            state = RunState(
                round=tree["round"],
                synthetic=self._arrays("synthetic"),
                best=self._arrays("best"),
                best_round=tree["best_round"],
                best_error=tree["best_score"],
                history=tuple(RoundRecord(**record) for record in tree["history"]),
                stopped_early=tree["stopped_early"],
                teachers=tree["teachers"],
                final_error=tree.get("final_error"),
            )
            return Checkpoint(
                state=state,
                clustering=clustering,
                config=config,
                source=SourceDescription.from_json(tree["source"]),
                stages={n: StageRecord(**r) for n, r in tree.get("stages", {}).items()},
                fitted_base=load_base(self.path),
                teacher=load_teacher(self.path),
                balances=tuple(Balance(**record) for record in tree.get("balances", ())),
            )
        except (OSError, EOFError, KeyError, TypeError, ValueError, BadZipFile) as error:
            raise ArtifactError(f"checkpoint {self.path} is damaged: {error!r}") from error

    def resume(self, config: DistillConfig, source: SourceDescription) -> Checkpoint:
        """Read the checkpoint of a run, to go on with other rounds, workers or patience.

        Args:
            config: The settings to go on with.
            source: What they are to be used on.

        Returns:
            The checkpoint, its state as an undisturbed run with ``config`` would have it.

        Raises:
            ArtifactError: Missing or damaged.
            ConfigError: It was made from other readings, or under settings that give another
                result.
        """
        checkpoint, folder = self.load(), self.path.parent
        if checkpoint.source.hash != source.hash:
            raise ConfigError(
                f"cannot resume {folder}: the readings of {source.source} are not those it was "
                f"begun with (content hash {source.hash}, then {checkpoint.source.hash}); start "
                "anew in another folder"
            )
        if checkpoint.config.algorithm_digest() != config.algorithm_digest():
            differences = describe_differences(checkpoint.config.deciding(), config.deciding())
            raise ConfigError(
                f"cannot resume {folder}: it was begun with other settings: {differences}; resume "
                "without those options, or start anew in another folder"
            )
        return replace(checkpoint, state=resumed(checkpoint.state, config), config=config)

    def _describe(self) -> dict[str, Any]:
        """The JSON part."""
        path = self.path / "state.json"
        try:
            tree: dict[str, Any] = read_json(path)
            version = tree.get("version")
        except FileNotFoundError as error:
            raise ArtifactError(
                f"nothing to resume: {self.path} holds no checkpoint; leave out resume=True"
            ) from error
        except (OSError, ValueError, AttributeError) as error:
            raise ArtifactError(f"checkpoint {path} is damaged: {error}") from error
        if version != _VERSION:
            raise ArtifactError(
                f"checkpoint {path} has version {version}, expected {_VERSION}; it was written by "
                "another release of stemdist_ray, and rounds work differently since; start anew in "
                "another folder"
            )
        return tree

    def _arrays(self, name: str) -> SyntheticState:
        with np.load(self.path / f"{name}.npz", allow_pickle=False) as file:
            return SyntheticState(**{key: file[key] for key in file.files})
