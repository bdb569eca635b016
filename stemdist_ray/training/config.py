"""Settings of ``jobs/train.py``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stemdist_ray.config import (
    DataConfig,
    ForecasterConfig,
    Positive,
    Rate,
    Section,
    TrackingConfig,
)


class TrainingConfig(Section):
    """How the forecaster is trained."""

    epochs: Positive = Field(20, description="passes over the train windows")
    batch: Positive = Field(64, description="windows per step, all workers together")
    learning_rate: Rate = Field(1e-3, description="Adam rate")
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.0, description="decay of the moving average of the weights that are judged; 0 = none"
    )
    subsets: Positive = Field(
        4, description="location subsets K per epoch, on distilled data (all windows each)"
    )
    check_every: Positive = Field(1, description="epochs between looks at the validation split")
    patience: Annotated[int, Field(ge=0)] = Field(
        5, description="looks without improvement before stopping; 0 = never stop early"
    )
    validation_windows: Positive = Field(
        64, description="validation windows for choosing the epoch, evenly spaced"
    )


class TrainWorkerConfig(Section):
    """Who trains. The result does not depend on it, but for rounding and dropout."""

    num_workers: Annotated[int, Field(ge=0)] = Field(
        1, description="Ray Train workers; 0 = this process, without Ray"
    )
    num_cpus: Rate = Field(1.0, description="CPUs Ray reserves each")
    num_gpus: Annotated[float, Field(ge=0.0)] = Field(0.0, description="GPUs of each worker")
    threads: Positive = Field(1, description="torch threads of each worker")
    max_failures: Annotated[int, Field(ge=0)] = Field(
        3, description="lost workers after which training goes on from the last checkpoint"
    )
    address: str | None = Field(
        None, description="Ray cluster to join; null = RAY_ADDRESS, else a local Ray"
    )


class TrainConfig(Section):
    """Everything that determines a training."""

    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of weights, order, dropout")
    data: DataConfig = DataConfig()
    streaming: bool = Field(
        False,
        description="for series larger than memory: read the source block by block and keep the "
        "scaled readings in a file beside the output (parquet, zarr, netcdf, canonical folders)",
    )
    forecaster: ForecasterConfig = ForecasterConfig()
    training: TrainingConfig = TrainingConfig()
    worker: TrainWorkerConfig = TrainWorkerConfig()
    tracking: TrackingConfig = TrackingConfig()
