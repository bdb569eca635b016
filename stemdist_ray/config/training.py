"""Settings of ``jobs/train.py``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from stemdist_ray.config.budgets import BudgetConfig
from stemdist_ray.config.layers import flatten, without
from stemdist_ray.config.section import (
    BaseName,
    Decay,
    GraphFile,
    GraphNumbers,
    Positive,
    Rate,
    Section,
    Streaming,
    Threads,
)
from stemdist_ray.config.sections import DataConfig, ForecasterConfig, TrackingConfig


class TrainingConfig(BudgetConfig):
    """How the forecaster is trained."""

    section: ClassVar[str] = "training"

    epochs: Positive = Field(20, description="passes over the train windows, or the distilled ones")
    batch: Positive = Field(64, description="windows per step, all workers together")
    averaging: Decay = Field(
        0.95, description="decay of the moving average of the weights that are validated; 0 = none"
    )
    check_every: Positive = Field(
        1, description="epochs between validations; the last epoch is always validated"
    )
    subsets: Positive = Field(
        4, description="location subsets K, steps per epoch, on distilled data (all windows each)"
    )
    patience: Annotated[int, Field(ge=0)] = Field(
        5, description="validations without improvement before stopping; 0 = never stop early"
    )
    validation_windows: Positive = Field(
        64, description="validation windows for choosing the epoch, evenly spaced"
    )
    graph: GraphFile = None
    graph_kind: GraphNumbers = None


class TrainWorkerConfig(Section):
    """Who trains. The result does not depend on it, but for rounding and dropout."""

    num_workers: Annotated[int, Field(ge=0)] = Field(
        1, description="Ray Train workers; 0 = this process, without Ray"
    )
    num_cpus: Rate = Field(1.0, description="CPUs Ray reserves each")
    num_gpus: Annotated[float, Field(ge=0.0)] = Field(0.0, description="GPUs of each worker")
    threads: Threads = Field(1, description="torch threads of each worker")
    min_workers: Positive | None = Field(
        None,
        description="training begins as soon as so many have a place, takes more on up to "
        "num_workers as machines come, and goes on with fewer as they go; null = num_workers",
    )
    start_timeout: Rate | None = Field(
        None,
        description="seconds to wait for machines; null = 1800 on a cluster that is joined, on a "
        "local Ray none",
    )
    max_preemptions: Annotated[int, Field(ge=0)] | None = Field(
        None, description="machines taken away after which training goes on; null = any number"
    )
    max_failures: Annotated[int, Field(ge=0)] = Field(
        3, description="lost workers after which training goes on from the last checkpoint"
    )
    address: str | None = Field(
        None, description="Ray cluster to join; null = RAY_ADDRESS, else a local Ray"
    )

    @model_validator(mode="after")
    def _check(self) -> TrainWorkerConfig:
        if self.min_workers is not None and self.min_workers > self.num_workers:
            raise ValueError(
                f"min_workers is at most num_workers, found {self.min_workers} and "
                f"{self.num_workers}"
            )
        return self

    @property
    def fewest(self) -> int:
        """Workers with which training begins."""
        return self.num_workers if self.min_workers is None else self.min_workers


# What a checkpoint may be gone on with changed; all other settings must be as they were.
_NOT_DECIDING = (
    "training.epochs",
    "training.patience",
    "streaming",
    "worker",
    "tracking",
    "data.locations_file",
    "data.memory_budget",
    # What they give decides; the loop compares its hash.
    "training.graph",
    "training.graph_kind",
)


class TrainConfig(Section):
    """Everything that determines a training."""

    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of weights, order, dropout")
    base: BaseName = Field(
        "seasonal_linear",
        description="exact linear part of every forecast, which the network builds upon; with "
        "distilled data theirs, or none",
    )
    data: DataConfig = DataConfig()
    streaming: Streaming = False
    forecaster: ForecasterConfig = ForecasterConfig()
    training: TrainingConfig = TrainingConfig()
    worker: TrainWorkerConfig = TrainWorkerConfig()
    tracking: TrackingConfig = TrackingConfig()

    def deciding(self) -> dict[str, Any]:
        """The settings that must be the same for a training to be gone on with, by dotted name."""
        return without(flatten(self.model_dump(mode="json")), _NOT_DECIDING)
