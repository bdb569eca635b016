"""The sections of the configuration. Unknown keys are errors.

Defaults are those of the preset ``standard``. What the paper (arXiv:2603.10410) fixes has the
paper's value in the preset ``paper``; see :mod:`stemdist_ray.config.presets`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stemdist_ray.config.layers import flatten, without

Ratio = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0.0)]
Covariate = Literal["time_of_day", "day_of_week", "month_of_year"]
Track = Literal["with_base", "network_alone"]
BaseName = Literal["seasonal_linear", "ridge", "none"]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]


class Section(BaseModel):
    """A part of a configuration: frozen; unknown keys, infinities and NaN are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class DataConfig(Section):
    """How a source becomes windows."""

    lookback: Positive = Field(12, description="input steps per window")
    horizon: Positive = Field(12, description="target steps per window")
    split: tuple[Ratio, Ratio, Ratio] = Field(
        (0.6, 0.2, 0.2), description="shares of train, val and test, in time order"
    )
    target: str | int = Field(0, description="feature to forecast: its name or position")
    covariates: Literal["auto"] | tuple[Covariate, ...] = Field(
        "auto",
        description="known inputs that follow from the time stamps; auto = time of day and day of "
        "week for steps shorter than a day, month of the year for longer ones, none without stamps",
    )
    season: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="steps per season, for series without time stamps; null = a day (or a year of "
        "months) where time stamps tell, else no season",
    )
    missing_values: tuple[float, ...] = Field(
        (), description="readings that mean 'missing'; zero is a reading unless named here"
    )
    start: str | None = Field(
        None, description="time of the first step, for sources that carry no time stamps"
    )
    sampling_step: str | None = Field(
        None, description="time between steps (e.g. 5min), for sources without time stamps"
    )
    locations_file: str | None = Field(
        None, description="CSV with a location id and two coordinates per row"
    )

    @model_validator(mode="after")
    def _check(self) -> DataConfig:
        if abs(sum(self.split) - 1.0) > 1e-6:
            raise ValueError(f"split must add up to 1, found {self.split}")
        if (self.start is None) != (self.sampling_step is None):
            raise ValueError("start and sampling_step go together: give both or neither")
        return self


class ClusteringConfig(Section):
    """k-means over locations (paper section on spatial compression)."""

    restarts: Positive = Field(1, description="k-means++ starts; the best inertia wins")
    max_iterations: Positive = Field(100, description="Lloyd iterations at most")
    tolerance: Annotated[float, Field(ge=0.0)] = Field(
        1e-4, description="relative centre movement at which Lloyd stops"
    )


class ForecasterConfig(Section):
    """Which forecaster is the surrogate, and its own options."""

    name: str = Field("stid", description="registered forecaster")
    options: dict[str, Any] = Field(
        default_factory=dict, description="hyper-parameters of that forecaster"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="of the products of a training step (for GPUs; weights, graph, losses and "
        "forecasts in use stay float32)",
    )


class BudgetConfig(Section):
    """For how long and how a forecaster is trained, wherever one is.

    An epoch is one pass over the data that are trained on: over a distilled data set (or another
    of its size) K subset steps, over sampled full data as many and as large steps, over all data
    every train window once.
    """

    section: ClassVar[str] = "budget"  # where its settings stand, for messages

    epochs: Annotated[int, Field(ge=0)] = Field(50, description="passes over the data")
    check_every: Positive = Field(
        5, description="epochs between validations; the last epoch is always validated"
    )
    learning_rate: Rate = Field(2e-3, description="Adam rate")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        20, description="first steps, over which the rate rises to its full height"
    )
    averaging: Decay = Field(
        0.95, description="decay of the moving average of the weights that are validated; 0 = none"
    )
    subsets: Positive = Field(4, description="location subsets K, steps per epoch")


class TeacherConfig(BudgetConfig):
    """Training of the teacher, who gives the synthetic windows their first targets."""

    section: ClassVar[str] = "teacher"

    epochs: Annotated[int, Field(ge=0)] = Field(
        150,
        description="K steps on sampled real data each; 0 = no teacher, the targets start as "
        "readings (paper)",
    )
    members: Positive = Field(
        2, description="forecasters whose mean forecast gives the targets; each is a task"
    )
    windows: Positive = Field(16, description="real windows per step")
    locations: Positive = Field(160, description="real locations per step")


class MatchingConfig(Section):
    """Gradient matching and inner loop of one shard task."""

    objective: Literal["gradient", "unrolled"] = Field(
        "unrolled",
        description="gradient: match gradients (paper); unrolled: real loss after training",
    )
    steps: Positive = Field(10, description="matching steps per shard and round (paper: 20)")
    subsets: Positive = Field(4, description="location subsets K per matching step (paper: 4)")
    smallest_subset: Positive = Field(
        10, description="fewer than K subsets are cut where they would be smaller than this"
    )
    real_batch: Positive = Field(64, description="real windows per matching step (paper: 64..256)")
    real: Literal["clusters", "locations"] = Field(
        "locations",
        description="what the surrogate is measured on (objective unrolled): the means of the "
        "shard's clusters, or members of them drawn anew for every step",
    )
    real_locations: Positive = Field(64, description="members drawn per matching step")
    against: Literal["readings", "teacher"] = Field(
        "teacher",
        description="what it is measured against (with real = locations): readings, or the "
        "forecasts of the teacher, which have less noise",
    )
    oldest: Annotated[int, Field(ge=0)] = Field(
        200,
        description="a surrogate begins after 0 to this many steps of training on the synthetic "
        "data (objective unrolled), so that all ages of a training are met",
    )
    synthetic_batch: Positive | None = Field(
        None, description="synthetic windows per matching step; null = all of them"
    )
    learning_rate: Rate = Field(5e-3, description="Adam rate on the synthetic data")
    learn_targets: bool = Field(True, description="learn the target windows as well as the inputs")
    unroll_steps: Positive = Field(
        8, description="subset steps unrolled per matching step (objective unrolled)"
    )
    inner_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="further epochs of K subset steps between matching steps (paper: 10)"
    )
    inner_data: Literal["synthetic", "real"] = Field(
        "synthetic", description="what trains the surrogate (objective gradient; paper: synthetic)"
    )
    inner_learning_rate: Rate = Field(2e-3, description="Adam rate of the surrogate")
    init: Literal["random", "even", "covering"] = Field(
        "covering",
        description="windows the synthetic data start from (paper: random); covering: evenly "
        "spaced, but for shifts that let them fall on all times of the day",
    )
    locations: Literal["medoid", "centroid"] = Field(
        "medoid",
        description="what stands for a cluster at the start: the member nearest to its centroid, "
        "or the centroid (paper)",
    )


class RefineConfig(Section):
    """Matching across shard borders after each merge (no effect with one shard)."""

    steps: Annotated[int, Field(ge=0)] = Field(2, description="matching steps after each merge")
    inner_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="further epochs of subset steps between refine steps"
    )


class ValidationConfig(BudgetConfig):
    """How a round is validated: by fresh evaluators trained on the synthetic data."""

    section: ClassVar[str] = "validation"

    every: Annotated[int, Field(ge=0)] = Field(
        2, description="rounds between validations; 0 = only the start and the last round"
    )
    epochs: Positive = Field(50, description="passes of an evaluator over the synthetic data")
    repeats: Positive = Field(2, description="evaluators averaged per validation")
    windows: Positive = Field(32, description="validation windows used, evenly spaced")
    patience: Annotated[int, Field(ge=0)] = Field(
        0, description="validations without improvement before stopping; 0 = never stop early"
    )


class WorkerConfig(Section):
    """Who does the work. Nothing here changes the result on one kind of hardware."""

    num_workers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Ray actors; 0 = serial without Ray; null = as many as fit"
    )
    num_cpus: Annotated[float, Field(gt=0.0)] = Field(1.0, description="CPUs Ray reserves each")
    num_gpus: Annotated[float, Field(ge=0.0)] = Field(0.0, description="GPU share of each worker")
    threads: Positive = Field(1, description="torch threads per task, serial or not")
    coordinator_threads: Positive = Field(
        2, description="torch threads of the driver, which trains the teacher"
    )
    max_attempts: Positive = Field(3, description="tries per task before the run gives up")
    start_timeout: Rate = Field(120.0, description="seconds to wait for a worker to be placed")
    address: str | None = Field(
        None, description="Ray cluster to join; null = RAY_ADDRESS, else a local Ray"
    )


class EvaluationConfig(BudgetConfig):
    """Training of the evaluators that the result table compares."""

    section: ClassVar[str] = "evaluation"

    protocol: Literal["fair", "paper"] = Field(
        "fair",
        description="fair: every row takes K subset steps per epoch; paper: only the distilled "
        "data do, the others one step on all their locations",
    )
    epochs: Positive = Field(
        100, description="passes over data of the distilled size (paper: 100 or 400)"
    )
    repeats: Positive = Field(3, description="seeds per row of the table")
    check_every: Positive = Field(
        5, description="epochs between validations; the last epoch is always validated"
    )
    rate_factors: Annotated[tuple[Rate, ...], Field(min_length=1)] = Field(
        (0.3, 1.0, 3.0),
        description="times learning_rate: what is tried with the first seed of every row; "
        "validation chooses the rate of the row",
    )
    curve: tuple[Positive, ...] = Field(
        (25, 50, 100, 200, 400),
        description="optimiser steps at which errors along the way are recorded",
    )
    tracks: Annotated[tuple[Track, ...], Field(min_length=1)] = Field(
        ("with_base", "network_alone"),
        description="whether networks build upon a base, forecast alone, or both are compared",
    )
    validation_windows: Positive = Field(
        32, description="validation windows for choosing rate and epoch, evenly spaced"
    )
    full_data_batch: Positive = Field(16, description="windows per step of full-data training")
    full_data_epochs: Positive = Field(
        20, description="passes over all train windows at most, for full-data training"
    )
    full_data_patience: Positive = Field(
        3, description="passes without improvement before full-data training stops"
    )

    def full_data_budget(self) -> BudgetConfig:
        """The budget of full-data training: passes over everything, each of them validated."""
        return self.model_copy(update={"epochs": self.full_data_epochs, "check_every": 1})


class TrackingConfig(Section):
    """Where MLflow keeps the runs."""

    enabled: bool = Field(True, description="log to MLflow")
    uri: str | None = Field(
        None,
        description="tracking URI; null = MLFLOW_TRACKING_URI, else mlflow.db beside the run",
    )
    experiment: str = Field("stemdist", description="MLflow experiment name")


# What leaves the distilled data as they are, by name or section; all other settings decide them.
# The digest of a checkpoint and the message of a refused resume both follow from this one list.
_NOT_DECIDING = (
    # How far to go; resuming with more gives what a direct run gives.
    "rounds",
    "validation.patience",
    # Used after the data are distilled, or beside them.
    "evaluation",
    "tracking",
    "data.locations_file",
    # Who does the work. Numbers of threads are missing here: sums depend on them.
    "worker.num_workers",
    "worker.num_cpus",
    "worker.num_gpus",
    "worker.max_attempts",
    "worker.start_timeout",
    "worker.address",
)


class DistillConfig(Section):
    """Everything that determines a distillation run."""

    base: BaseName = Field(
        "seasonal_linear",
        description="exact linear part of every forecast, which the networks build upon: "
        "seasonal_linear, ridge on own lags, or none (paper)",
    )
    budget: Ratio | None = Field(
        None,
        description="synthetic entries / real ones; where it is given, a cheap proxy picks the two "
        "ratios for the data at hand",
    )
    spatial_ratio: Ratio = Field(0.1, description="synthetic locations / real locations")
    temporal_ratio: Ratio = Field(0.05, description="synthetic windows / real train windows")
    rounds: Annotated[int, Field(ge=0)] = Field(
        0,
        description="outer rounds (paper: 100); none by default: on top of base and teacher "
        "they gained nothing that was measured",
    )
    num_shards: Positive = Field(4, description="shards per round; 1 = the paper's algorithm")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of the run")
    data: DataConfig = DataConfig()
    clustering: ClusteringConfig = ClusteringConfig()
    forecaster: ForecasterConfig = ForecasterConfig()
    teacher: TeacherConfig = TeacherConfig()
    matching: MatchingConfig = MatchingConfig()
    refine: RefineConfig = RefineConfig()
    validation: ValidationConfig = ValidationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    worker: WorkerConfig = WorkerConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _check(self) -> DistillConfig:
        if self.forecaster.precision != "float32" and self.matching.objective == "gradient":
            raise ValueError(
                "forecaster.precision bfloat16 goes with matching.objective unrolled only: "
                "cosines of near-zero gradients do not survive the rounding"
            )
        return self

    def deciding(self) -> dict[str, Any]:
        """The settings that decide the distilled data, by dotted name.

        A checkpoint may be resumed only where all of them are as they were.
        """
        return without(flatten(self.model_dump(mode="json")), _NOT_DECIDING)

    def algorithm_digest(self) -> str:
        """Return a hash of :meth:`deciding`."""
        text = json.dumps(self.deciding(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
