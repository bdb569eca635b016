"""The checkpoint of a running distillation: NumPy arrays and JSON, never pickle."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, BeforeValidator, ValidationError

from stemdist_ray.artifact.base_files import BASE_FILES, load_base, save_base
from stemdist_ray.artifact.member_files import MemberStore
from stemdist_ray.artifact.numbered import NumberedFolders
from stemdist_ray.artifact.shapes import check_clusters, check_shapes
from stemdist_ray.artifact.teacher_files import TEACHER_FILES, load_teacher, save_teacher
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import (
    DistillConfig,
    build_config,
    describe_differences,
    describe_validation_error,
)
from stemdist_ray.data.describe import SourceDescription
from stemdist_ray.distillation.budget import Balance
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.run_state import RoundRecord, RunState, resumed
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.execution.ledger import Execution
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase
from stemdist_ray.system.points import reached
from stemdist_ray.system.seal import read_sealed, write_sealed
from stemdist_ray.system.stages import StageRecord

CHECKPOINT, _STATE = "checkpoint", "state.json"
# Version 4 had neither hashes nor numbers, 5 Arrow's tensor type in the files of the base.
_VERSION, _READ = 6, (4, 5, 6)
_UNSEALED = (None, 1, 2, 3, 4)
_BEFORE_5 = (_STATE, "synthetic.npz", "best.npz", "clustering.npz", *BASE_FILES, *TEACHER_FILES)
_WHAT_TO_DO = "restore it, or start anew in another folder"


def _nan_for_null(value: object) -> object:
    return math.nan if value is None else value


# JSON has no word for NaN; it is written as null.
Number = Annotated[float, BeforeValidator(_nan_for_null)]


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
        executions: Who ran what where so far.
    """

    state: RunState
    clustering: Clustering
    config: DistillConfig
    source: SourceDescription
    stages: Mapping[str, StageRecord] = field(default_factory=dict)
    fitted_base: FittedBase | None = None
    teacher: Teacher | None = None
    balances: tuple[Balance, ...] = ()
    executions: tuple[Execution, ...] = ()


class _State(BaseModel):
    """What ``state.json`` holds."""

    round: int
    best_round: int
    best_score: Number
    final_error: float | None = None
    stopped_early: bool
    teachers: dict[str, Number]
    inertia: Number
    balances: tuple[Balance, ...] = ()
    history: tuple[RoundRecord, ...]
    source: SourceDescription
    stages: dict[str, StageRecord] = {}
    executions: tuple[Execution, ...] = ()
    config: dict[str, Any]

    def settings(self) -> DistillConfig:
        """The settings, checked."""
        return build_config("standard", self.config)


class CheckpointStore:
    """The one place that knows where a run keeps its checkpoint.

    Args:
        folder: The run's output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKPOINT
        self.trained = self.path / "teacher"  # what is trained before there is a checkpoint
        self._folders = NumberedFolders(self.path, _STATE, _WHAT_TO_DO)

    def exists(self) -> bool:
        """Whether there is something to resume."""
        return self._folders.exist() or (self.path / _STATE).exists()

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint by another; a process that dies meanwhile leaves one of them."""
        state, clustering, config = checkpoint.state, checkpoint.clustering, checkpoint.config
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
            "executions": [asdict(record) for record in checkpoint.executions],
        }

        def write_seal(aside: Path) -> None:
            write_sealed(aside / _STATE, tree, [path.name for path in aside.iterdir()])

        with self._folders.next(write_seal) as aside:
            np.savez(aside / "synthetic.npz", **state.synthetic.arrays())  # type: ignore[arg-type]
            np.savez(aside / "best.npz", **state.best.arrays())  # type: ignore[arg-type]
            reached("checkpoint half written")
            np.savez(
                aside / "clustering.npz",
                assignment=clustering.assignment,
                cluster_size=clustering.cluster_size,
                medoids=np.zeros(0, int) if clustering.medoids is None else clustering.medoids,
                weights=np.zeros(0) if clustering.weights is None else clustering.weights,
            )
            if checkpoint.fitted_base is not None:
                save_base(aside, checkpoint.fitted_base)
            if checkpoint.teacher is not None:
                save_teacher(aside, checkpoint.teacher)
        for name in _BEFORE_5:
            (self.path / name).unlink(missing_ok=True)
        self._remove_trained()
        reached("checkpoint saved")

    def sweep(self) -> None:
        """Remove what a process that died while saving has left; the run's owner may."""
        self._folders.sweep()
        self._remove_trained()

    def members(self, config: DistillConfig, source: SourceDescription) -> MemberStore:
        """Where members of the teacher are kept until there is a checkpoint, which has them all."""
        return MemberStore(self.trained, config, source.hash)

    def clear(self) -> None:
        """Remove all but what was trained, where a run begins anew that may go on with them."""
        for path in self.path.iterdir():
            if path != self.trained:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not self.trained.exists():
            self.path.rmdir()

    def _remove_trained(self) -> None:
        if self.trained.exists():
            shutil.rmtree(self.trained)

    def config(self) -> DistillConfig:
        """The settings that the run was begun with.

        Raises:
            ArtifactError: There is no checkpoint, or it is damaged or of another version.
        """
        folder, state = self._describe()
        try:
            return state.settings()
        except ConfigError as error:
            raise ArtifactError(f"checkpoint {folder} is damaged: {error}") from error

    def load(self) -> Checkpoint:
        """Read the checkpoint.

        Raises:
            ArtifactError: Missing, damaged or of another version.
        """
        folder, state = self._describe()
        try:
            with np.load(folder / "clustering.npz", allow_pickle=False) as file:
                clustering = Clustering(
                    assignment=file["assignment"],
                    cluster_size=file["cluster_size"],
                    inertia=state.inertia,
                    medoids=file["medoids"] if len(file["medoids"]) else None,
                    # Releases before methods were told apart had none.
                    weights=file["weights"] if "weights" in file and len(file["weights"]) else None,
                )
            checkpoint = Checkpoint(
                state=RunState(
                    round=state.round,
                    synthetic=_arrays(folder, "synthetic"),
                    best=_arrays(folder, "best"),
                    best_round=state.best_round,
                    best_error=state.best_score,
                    history=state.history,
                    stopped_early=state.stopped_early,
                    teachers=state.teachers,
                    final_error=state.final_error,
                ),
                clustering=clustering,
                config=state.settings(),
                source=state.source,
                stages=state.stages,
                fitted_base=load_base(folder),
                teacher=load_teacher(folder),
                balances=state.balances,
                executions=state.executions,
            )
        except (OSError, EOFError, LookupError, TypeError, ValueError, BadZipFile) as error:
            raise ArtifactError(f"checkpoint {folder} is damaged: {error!r}") from error
        except ConfigError as error:
            raise ArtifactError(f"checkpoint {folder} is damaged: {error}") from error
        _check_shapes(checkpoint, folder)
        return checkpoint

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

    def _describe(self) -> tuple[Path, _State]:
        """Where the checkpoint is, and the JSON part."""
        try:
            if self._folders.exist():
                folder, tree = self._folders.find()
            else:  # version 4 had no numbers
                folder = self.path
                tree = read_sealed(folder / _STATE, _WHAT_TO_DO, unsealed=_UNSEALED)
        except FileNotFoundError as error:
            raise ArtifactError(f"nothing to resume: {self.path} holds no checkpoint") from error
        version = tree.get("version")
        if version not in _READ:
            raise ArtifactError(
                f"checkpoint {folder} has version {version}, expected {_VERSION}; it was written "
                "by another release of stemdist_ray, and rounds work differently since; start anew "
                "in another folder"
            )
        try:
            return folder, _State.model_validate(tree)
        except ValidationError as error:
            reason = describe_validation_error(error).removeprefix("configuration: ")
            raise ArtifactError(f"checkpoint {folder} is damaged: {reason}") from error


def _arrays(folder: Path, name: str) -> SyntheticState:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        return SyntheticState(**{key: file[key] for key in file.files})


def _check_shapes(checkpoint: Checkpoint, folder: Path) -> None:
    """Make sure that the arrays of a checkpoint fit each other and its settings."""
    config, clustering = checkpoint.config, checkpoint.clustering
    windows, *_, features = checkpoint.state.synthetic.x.shape
    sizes = {
        "W": windows,
        "L": config.data.lookback,
        "H": config.data.horizon,
        "K": len(clustering.cluster_size),
        "F": features,
    }
    where = f"checkpoint {folder}"
    axes = {"x": "W L K F", "y": "W H K", "updates": "K"}
    for state in (checkpoint.state.synthetic, checkpoint.state.best):
        named = {f"{n}: {axes[n.split('_')[0]]}": array for n, array in state.arrays().items()}
        check_shapes(named, sizes, where)
    check_clusters(clustering.assignment, clustering.cluster_size, clustering.medoids, where)
