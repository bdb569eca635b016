"""Sections that say for how long and how forecasters are trained."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stemdist_ray.config.section import (
    Decay,
    GraphFile,
    GraphNumbers,
    Positive,
    Rate,
    Ratio,
    Section,
    Track,
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
    forecasters: tuple[str, ...] = Field(
        (),
        description="kinds of the members, taken in turn; empty = the run's forecaster. Targets of "
        "one kind favour that kind where models are ranked",
    )
    windows: Positive = Field(16, description="real windows per step")
    locations: Positive = Field(160, description="real locations per step")

    @model_validator(mode="after")
    def _check_kinds(self) -> TeacherConfig:
        if len(self.forecasters) > self.members:
            raise ValueError(
                f"forecasters names {len(self.forecasters)} kinds for {self.members} members; ask "
                f"for at least {len(self.forecasters)} members"
            )
        return self


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
    graph: GraphFile = None
    graph_kind: GraphNumbers = None
    full_data_batch: Positive = Field(16, description="windows per step of full-data training")
    full_data_epochs: Positive = Field(
        20, description="passes over all train windows at most, for full-data training"
    )
    full_data_patience: Positive = Field(
        3, description="passes without improvement before full-data training stops"
    )
    more_rows: tuple[str, ...] = Field(
        (), description="rows that are trained besides the usual ones: full_data, st_prune"
    )
    prune_share: Ratio = Field(
        0.5, description="train windows that an epoch of st_prune keeps, in the mean"
    )
    prune_last: Ratio = Field(
        0.15, description="epochs of st_prune at the end, of all, that see everything"
    )
    zero_shot: str | None = Field(
        None,
        description="a pre-trained forecaster that is asked as it is, one more row: name of an "
        "entry point, or module:object",
    )
    zero_shot_context: Positive | None = Field(
        None, description="readings that it is shown; null = lookback, as many as others see"
    )
    zero_shot_windows: Positive | None = Field(
        None, description="test windows, evenly spaced, that it is asked for; null = all of them"
    )

    def full_data_budget(self) -> BudgetConfig:
        """The budget of full-data training: passes over everything, each of them validated."""
        return self.model_copy(update={"epochs": self.full_data_epochs, "check_every": 1})
