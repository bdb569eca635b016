"""The settings of what a shard task does, and of what follows every merge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ByteSize, Field

from stemdist_ray.config.section import Positive, Rate, Section


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
    memory_budget: ByteSize = Field(
        ByteSize(2 * 2**30),
        description="memory of a task for derivatives, e.g. 2GiB; where the steps that are "
        "differentiated through do not fit, each is computed again when its turn comes, and "
        "windows are cut into pieces: the same up to rounding, about half as fast",
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
