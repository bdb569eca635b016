"""The manifest: everything that is recorded about how an artifact was made, as typed data.

The JSON keys are a contract: others read ``manifest.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from stemdist_ray.artifact.checkpoint import Checkpoint, Number
from stemdist_ray.artifact.generation import CARD, MANIFEST, locate
from stemdist_ray.config import DistillConfig, describe_validation_error
from stemdist_ray.config.stored import upgrade_settings
from stemdist_ray.data.describe import SourceDescription
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.distillation.budget import Balance
from stemdist_ray.distillation.run_state import RoundRecord, RunState
from stemdist_ray.distillation.state import KnownParts
from stemdist_ray.errors import ArtifactError
from stemdist_ray.execution.ledger import Execution
from stemdist_ray.forecasters.closed_form.fit_base import BaseChoice, FittedBase
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.seal import read_sealed
from stemdist_ray.system.stages import StageRecord

# Version 1 had no training settings of validation and teacher of their own, 2 no base, 3 no hashes,
# 4 Arrow's tensor type in its Parquet files.
SCHEMA_VERSION, _UNSEALED = 5, (1, 2, 3)
SAYS_WHAT_IT_JUDGED = 4  # from here on evaluations name the data set they are about
_WHAT_TO_DO = "restore it, or distil again (with resume=True its checkpoint gives it back)"


class _Part(BaseModel):
    """A part of a manifest; keys that only a later release knows are left alone."""

    model_config = ConfigDict(frozen=True)


class Size(_Part):
    """How large the data are.

    Args:
        windows: W, synthetic.
        locations: K, synthetic.
        real_windows: Of the train split.
        real_locations: N.
        lookback: L.
        horizon: H.
        features: F + C, calendar included.
        bytes: Of the synthetic inputs and targets, float32.
        real_bytes: Of the train windows they stand for, inputs and targets.
        known_bytes: Of what is known of the synthetic windows: calendar, and what the base adds.
        base_bytes: Of the base, 0 without one.
    """

    windows: int
    locations: int
    real_windows: int
    real_locations: int
    lookback: int
    horizon: int
    features: int
    bytes: int
    real_bytes: int
    known_bytes: int = 0
    base_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """Of all that takes the place of the train windows."""
        return self.bytes + self.known_bytes + self.base_bytes

    @classmethod
    def of(
        cls,
        source: PreparedSource,
        state: RunState,
        known: KnownParts,
        fitted: FittedBase | None,
    ) -> Self:
        """The sizes of a run."""
        series, synthetic = source.windows, state.synthetic
        real_windows = len(source.starts["train"])
        per_location = series.lookback * series.own_features + series.horizon
        parts = (known.calendar, known.offset)
        return cls(
            windows=synthetic.num_windows,
            locations=synthetic.num_locations,
            real_windows=real_windows,
            real_locations=series.num_locations,
            lookback=series.lookback,
            horizon=series.horizon,
            features=series.num_features,
            bytes=int(synthetic.x.nbytes + synthetic.y.nbytes),
            real_bytes=4 * real_windows * series.num_locations * per_location,
            known_bytes=sum(int(part.nbytes) for part in parts if part is not None),
            base_bytes=0 if fitted is None else fitted.model.num_bytes,
        )


class Target(_Part):
    """What is forecast.

    Args:
        name: Of the feature.
        unit: "" where unknown.
        position: Among the F inputs.
    """

    name: str
    unit: str
    position: int


class Scaling(_Part):
    """How readings were scaled: (reading - mean) / std per feature.

    Args:
        mean: F numbers, original units.
        std: F positive numbers, original units.
        features: F names, without calendar.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    features: tuple[str, ...]


class Outcome(_Part):
    """What the rounds gave.

    Args:
        rounds: Rounds run.
        best_round: The round kept; 0 is the unlearned start.
        best_validation: Its validation relative RMSE.
        start_validation: That of the start.
        stopped_early: Whether patience ran out.
        teachers: Validation relative RMSE of the teacher's members, of their mean, and of the base
            alone; empty without a teacher.
        inertia: Of the clustering, scaled units.
    """

    rounds: int
    best_round: int
    best_validation: Number
    start_validation: Number
    stopped_early: bool
    teachers: dict[str, Number]
    inertia: Number


class Manifest(_Part):
    """All of it.

    Args:
        schema_version: Of the artifact's files.
        source: What was distilled.
        spatial_ratio: Synthetic locations / real ones.
        temporal_ratio: Synthetic windows / real train windows.
        seed: Of the run.
        size: Of the data.
        target: What is forecast.
        scaler: How readings were scaled.
        result: What the rounds gave.
        history: One record per round, the start first.
        config: All settings.
        versions: Of Python and packages.
        hardware: Of the driver's machine.
        stages: Seconds and peak memory of the driver per stage.
        peak_rss_mib: Peak memory of the driver.
        tracking_run_id: Tracking run, None where nothing was tracked.
        season: Where a step stands in its season.
        calendar: Names of the C calendar columns of the inputs.
        base: What was chosen for the base on validation, None without one.
        balances: Ways to spend the budget that were tried, best first; empty where the ratios were
            given.
        executions: Who ran what where, and how often, by kind of task; resumed runs add up.
    """

    schema_version: int
    source: SourceDescription
    spatial_ratio: float
    temporal_ratio: float
    seed: int
    size: Size
    target: Target
    scaler: Scaling
    result: Outcome
    history: tuple[RoundRecord, ...]
    config: DistillConfig
    versions: dict[str, str]
    hardware: dict[str, str | int | float]
    stages: dict[str, StageRecord]
    peak_rss_mib: float
    tracking_run_id: str | None = None
    season: SeasonRule = SeasonRule()
    calendar: tuple[str, ...] = ()
    base: BaseChoice | None = None
    balances: tuple[Balance, ...] = ()
    executions: tuple[Execution, ...] = ()

    def distill_seconds(self) -> float:
        """What distilling took, from the base to the rounds; not reading, nor starting Ray."""
        known = {name: record.seconds for name, record in self.stages.items()}
        before = sum(
            known.get(name, 0.0) for name in ("base", "teacher", "balance", "experts", "cluster")
        )
        # Schema version 1 knew the last process of a resumed run only; rounds are all known.
        rounds = sum(r.seconds + r.validation_seconds for r in self.history)
        return before + max(known.get("distill", 0.0), rounds)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote, in this release or in one of an older schema version.

        Raises:
            ArtifactError: Another schema version, or something is missing.
        """
        version = tree.get("schema_version")
        if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
            raise ArtifactError(
                f"schema version {version}, this release reads 1 to {SCHEMA_VERSION}"
            )
        config = upgrade_settings(tree.get("config", {}), version)
        try:
            return cls.model_validate({**tree, "config": config})
        except ValidationError as error:
            unknown = any(item["type"] == "extra_forbidden" for item in error.errors())
            release = "written by a later release of stemdist_ray? " if unknown else ""
            raise ArtifactError(f"{release}{describe_validation_error(error)}") from error


def build_manifest(
    checkpoint: Checkpoint,
    source: PreparedSource,
    known: KnownParts,
    peak_rss_mib: float,
    tracking_run_id: str | None,
) -> Manifest:
    """Describe a run.

    Args:
        checkpoint: After its last round.
        source: What was distilled.
        known: What is known of the synthetic windows.
        peak_rss_mib: Peak memory of the driver.
        tracking_run_id: Tracking run, None where nothing was tracked.
    """
    state, config, fitted = checkpoint.state, checkpoint.config, checkpoint.fitted_base
    kept, start = state.kept(), state.history[0].validation
    assert start is not None  # the start is always validated
    scaler = source.scaler
    return Manifest(
        schema_version=SCHEMA_VERSION,
        source=source.description,
        spatial_ratio=config.spatial_ratio,
        temporal_ratio=config.temporal_ratio,
        seed=config.seed,
        size=Size.of(source, state, known, fitted),
        target=Target(
            name=source.target_name, unit=source.target_unit, position=source.windows.target
        ),
        scaler=Scaling(mean=scaler.mean, std=scaler.std, features=source.description.features),
        result=Outcome(
            rounds=state.round,
            best_round=kept.round,
            best_validation=kept.error,
            start_validation=start,
            stopped_early=state.stopped_early,
            teachers=dict(state.teachers),
            inertia=checkpoint.clustering.inertia,
        ),
        history=state.history,
        config=config,
        versions=package_versions(),
        hardware=hardware(),
        stages=dict(checkpoint.stages),
        peak_rss_mib=peak_rss_mib,
        tracking_run_id=tracking_run_id,
        season=source.season,
        calendar=source.calendar.columns,
        base=None if fitted is None else fitted.choice,
        balances=checkpoint.balances,
        executions=checkpoint.executions,
    )


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``manifest.json`` and, by their hashes, all files of the data set.

    Raises:
        ArtifactError: It is missing, damaged or of another schema version, or a file is damaged.
    """
    path = locate(folder, MANIFEST)
    if not folder.exists():
        raise ArtifactError(f"{folder} does not exist; expected a folder written by distill")
    if not path.exists():
        hint = "its run is not finished: distil with resume=True to go on"
        if not (folder / "checkpoint").exists():
            hint = "expected a folder written by stemdist distill"
        raise ArtifactError(f"{folder} holds no {MANIFEST}; {hint}")
    tree = read_sealed(path, _WHAT_TO_DO, {CARD}, _UNSEALED, partial(locate, folder))
    try:
        return Manifest.from_json(tree)
    except ArtifactError as error:
        what = "has" if "schema version" in str(error) else "is damaged:"
        raise ArtifactError(f"{path} {what} {error}") from error
