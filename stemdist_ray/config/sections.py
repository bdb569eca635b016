"""The sections of the configuration. Unknown keys are errors.

Defaults are those of the preset ``standard``. What the paper (arXiv:2603.10410) fixes has the
paper's value in the preset ``paper``; see :mod:`stemdist_ray.config.presets`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Field, field_validator, model_validator

from stemdist_ray.config.budgets import EvaluationConfig, TeacherConfig, ValidationConfig
from stemdist_ray.config.layers import flatten, without
from stemdist_ray.config.matching import MatchingConfig, RefineConfig
from stemdist_ray.config.reading import ReadConfig
from stemdist_ray.config.secrets import conceal
from stemdist_ray.config.section import (
    BaseName,
    Covariate,
    License,
    Positive,
    Rate,
    Ratio,
    Section,
    Streaming,
    Threads,
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
        None,
        description="time of the first step, for sources that carry no time stamps; goes with "
        "sampling_step unless the source says that itself",
    )
    sampling_step: str | None = Field(
        None,
        description="time between steps (e.g. 5min), for sources without time stamps; goes with "
        "start unless the source says that itself",
    )
    locations_file: str | None = Field(
        None, description="CSV with a location id and two coordinates per row"
    )
    memory_budget: ByteSize | None = Field(
        None,
        description="memory that a source may take while it is read, e.g. 8GiB; null = three "
        "quarters of what is free",
    )
    read: ReadConfig = ReadConfig()

    @model_validator(mode="after")
    def _check(self) -> DataConfig:
        if abs(sum(self.split) - 1.0) > 1e-6:
            raise ValueError(f"split must add up to 1, found {self.split}")
        return self

    @property
    def reading(self) -> ReadConfig:
        """What readers are told: ``read``, and the time between steps."""
        return self.read.with_step(self.sampling_step)


class ClusteringConfig(Section):
    """k-means over locations (paper section on spatial compression)."""

    restarts: Positive = Field(1, description="k-means++ starts; the best inertia wins")
    max_iterations: Positive = Field(100, description="Lloyd iterations at most")
    tolerance: Annotated[float, Field(ge=0.0)] = Field(
        1e-4, description="relative centre movement at which Lloyd stops"
    )
    memory_budget: ByteSize = Field(
        ByteSize(2 * 2**30),
        description="memory of the vectors that locations are clustered by, which are as large as "
        "the train split; larger ones are projected on random directions",
    )
    projections: Positive = Field(
        256, description="random directions where the vectors are too large"
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


class WorkerConfig(Section):
    """Who does the work. Nothing here changes the result on one kind of hardware."""

    num_workers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Ray actors; 0 = serial without Ray; null = as many as fit"
    )
    num_cpus: Annotated[float, Field(gt=0.0)] = Field(1.0, description="CPUs Ray reserves each")
    num_gpus: Annotated[float, Field(ge=0.0)] = Field(0.0, description="GPU share of each worker")
    mixed_gpus: bool = Field(False, description="take GPUs of several kinds; their bits differ")
    threads: Threads = Field(1, description="torch threads per task, serial or not")
    coordinator_threads: Threads = Field(
        2,
        description="torch threads of the driver, and of tasks made once a run: scores and targets "
        "of the teacher, clusters, binding the base",
    )
    memory: ByteSize | None = Field(
        None, description="memory Ray reserves each, e.g. 8GiB; null = Ray does not plan memory"
    )
    max_attempts: Positive = Field(
        3,
        description="tries per task before the run gives up, for each reason on its own; machines "
        "that are taken away do not count",
    )
    start_timeout: Rate | None = Field(
        None,
        description="seconds to wait while no worker has a place; null = 1800 on a cluster that is "
        "joined (a spot machine with a GPU takes ten minutes), 120 on a local Ray",
    )
    task_timeout: Rate | None = Field(
        None,
        description="seconds after which a task is run again elsewhere; null = 20 times the "
        "longest of its kind so far, at least 900",
    )
    heartbeat_timeout: Rate = Field(
        120.0,
        description="seconds without a sign of life after which a worker is killed and replaced; "
        "a thread gives them, beside the task",
    )
    address: str | None = Field(
        None, description="Ray cluster to join; null = RAY_ADDRESS, else a local Ray"
    )


class TrackingConfig(Section):
    """Where MLflow keeps the runs."""

    enabled: bool = Field(True, description="log to MLflow")
    uri: str | None = Field(
        None,
        description="tracking URI; null = MLFLOW_TRACKING_URI, else mlflow.db beside the run",
    )
    experiment: str = Field("stemdist", description="MLflow experiment name")
    system_metrics: bool = Field(True, description="CPU, memory, disk, network of the driver")

    @field_validator("uri")
    @classmethod
    def _conceal(cls, uri: str | None) -> str | None:
        # A configuration is written to many files and shown; it never holds a password.
        return None if uri is None else conceal(uri)


# What leaves the distilled data as they are, by name or section; all other settings decide them.
# The digest of a checkpoint and the message of a refused resume both follow from this one list.
_NOT_DECIDING = (
    # How far to go; resuming with more gives what a direct run gives.
    "rounds",
    "validation.patience",
    # Used after the data are distilled, or beside them.
    "evaluation",
    "tracking",
    "license",
    "data.locations_file",
    "data.memory_budget",
    # How the series is held; the readings and their hash are the same.
    "streaming",
    # Who does the work. Numbers of threads are missing here: sums depend on them.
    "worker.num_workers",
    "worker.num_cpus",
    "worker.num_gpus",
    "worker.mixed_gpus",
    "worker.memory",
    "worker.max_attempts",
    "worker.start_timeout",
    "worker.task_timeout",
    "worker.heartbeat_timeout",
    "worker.address",
)


class DistillConfig(Section):
    """Everything that determines a distillation run."""

    method: str = Field(
        "stemdist", description="what makes the data set; `stemdist methods` lists them"
    )
    method_options: dict[str, Any] = Field(
        default_factory=dict, description="hyper-parameters of that method"
    )
    base: BaseName = Field(
        "seasonal_linear",
        description="exact linear part of every forecast, which the networks build upon: "
        "seasonal_linear, ridge on own lags, or none (paper)",
    )
    budget: Ratio | None = Field(
        None,
        description="synthetic entries / real ones; where it is given, a cheap proxy picks the two "
        "ratios for the data at hand (of other methods, a rule: evenly, or windows alone)",
    )
    license: License = Field(
        None,
        description="licence under which the distilled data may be given away, for their card: an "
        "identifier of the Hugging Face Hub such as cc-by-4.0, or a web address; null = unknown",
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
    streaming: Streaming = False
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
