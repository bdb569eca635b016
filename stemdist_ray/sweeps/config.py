"""Settings of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from stemdist_ray.config import LayerOf, Positive, Rate, Ratio, Section, TrainConfig
from stemdist_ray.config.secrets import conceal_settings
from stemdist_ray.config.section import Track

Objective = Literal["error", "bytes", "train_seconds"]
"""Validation relative RMSE; size of the distilled data; seconds to train an evaluator on them."""


class RangeConfig(Section):
    """One dimension of the search space; exactly one of the first four."""

    log: tuple[Rate, Rate] | None = Field(None, description="from, to; drawn on a log scale")
    uniform: tuple[float, float] | None = Field(None, description="from, to; drawn evenly")
    integer: tuple[int, int] | None = Field(None, description="from, to, both included")
    choice: tuple[Any, ...] | None = Field(None, description="values to choose from")
    points: Annotated[int, Field(ge=2)] = Field(
        5, description="values a grid takes from a range of numbers"
    )

    @model_validator(mode="after")
    def _check(self) -> RangeConfig:
        given = [n for n in ("log", "uniform", "integer", "choice") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of log, uniform, integer, choice; found {given}")
        for name in ("log", "uniform", "integer"):
            pair = getattr(self, name)
            if pair is not None and pair[0] >= pair[1]:
                raise ValueError(f"{name} runs from a smaller to a larger number; found {pair}")
        if self.choice is not None and not self.choice:
            raise ValueError("choice needs at least one value")
        return self


RATIOS = ("spatial_ratio", "temporal_ratio")
_WHOLE = {"log": (0.002, 1.0)}


class SearchConfig(Section):
    """What is searched, how, and for how long."""

    space: dict[str, RangeConfig] = Field(
        default_factory=lambda: {name: RangeConfig(**_WHOLE) for name in RATIOS},
        validate_default=True,
        description="settings of a distillation by name, e.g. spatial_ratio, matching.subsets",
    )
    budget: Ratio | None = Field(
        None,
        description="spatial_ratio x temporal_ratio of every trial: only the balance is searched; "
        "null = both are free",
    )
    largest: Ratio = Field(
        0.1,
        description="spatial_ratio x temporal_ratio at most: larger data sets take as long as the "
        "full ones",
    )
    objectives: tuple[Objective, ...] = Field(
        ("error", "bytes"), description="what is to be small; with two, the Pareto front is sought"
    )
    searcher: Literal["random", "grid", "tpe", "nsga2"] = Field(
        "tpe", description="who proposes points; tpe and nsga2 are Optuna's"
    )
    scheduler: Literal["asha", "median", "none"] = Field(
        "asha", description="who stops trials early, by their error"
    )
    grace_rounds: Positive = Field(2, description="rounds before a trial may be stopped early")
    reduction_factor: Annotated[int, Field(ge=2)] = Field(
        3, description="asha: one trial in so many goes on after each rung"
    )
    trials: Positive = Field(20, description="points tried; a grid tries all of its points")
    concurrent: Positive | None = Field(
        None, description="trials at a time; null = as many as the cluster has room for"
    )
    coordinator_cpus: Rate = Field(
        0.5, description="CPUs reserved for the coordinator of a trial, which mostly waits"
    )
    max_failures: Annotated[int, Field(ge=0)] = Field(
        1, description="times a trial whose process was lost goes on from its last round"
    )
    evaluate_points: Annotated[int, Field(ge=0)] = Field(
        3, description="chosen points that are evaluated on the test split, once, at the end"
    )
    full_data: bool = Field(False, description="evaluate them against full-data training as well")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of the proposals")

    @model_validator(mode="after")
    def _check(self) -> SearchConfig:
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            raise ValueError(f"objectives: one to three different ones; found {self.objectives}")
        if self.objectives[0] != "error":
            raise ValueError("objectives: the error comes first")
        if self.budget is not None and "spatial_ratio" not in self.space:
            raise ValueError("a budget searches the balance: space needs spatial_ratio")
        return self


class ModelsConfig(Section):
    """A search for a model: trials train on a distilled data set, the winner on everything."""

    distilled: Path = Field(description="folder of the data set that trials train on")
    track: Track = Field(
        "network_alone", description="whether networks forecast alone or build upon its base"
    )
    train: Annotated[dict[str, Any], LayerOf(TrainConfig)] = Field(
        default_factory=dict,
        description="settings of the winner's training, e.g. training.epochs, worker.num_workers",
    )
    register_as: str | None = Field(
        None, description="name of the winner in MLflow's model registry; null = none"
    )

    @field_validator("train")
    @classmethod
    def _conceal(cls, train: dict[str, Any]) -> dict[str, Any]:
        return conceal_settings(train)
