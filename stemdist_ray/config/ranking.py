"""Settings of a ranking: which configurations are trained, and on what."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from stemdist_ray.config.section import Positive, Rate, Section, Track

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]


class ConfigurationEntry(Section):
    """One configuration that somebody might choose."""

    name: Name | None = Field(
        None, description="in tables and file names; null = made of forecaster, rate and width"
    )
    forecaster: str = Field(description="what is trained")
    learning_rate: Rate = Field(2e-3, description="Adam rate")
    width: Rate = Field(1.0, description="times the forecaster's default widths")
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="other settings by name: forecaster.options.NAME, forecaster.precision, "
        "evaluation.averaging, evaluation.warmup_steps",
    )


class ConfigurationGrid(Section):
    """All combinations; a forecaster without widths is taken once per rate."""

    forecaster: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="names")
    learning_rate: Annotated[tuple[Rate, ...], Field(min_length=1)] = Field(
        (2e-3,), description="Adam rates"
    )
    width: Annotated[tuple[Rate, ...], Field(min_length=1)] = Field(
        (1.0,), description="times the default widths"
    )


class RankConfig(Section):
    """What is ranked, by what."""

    configurations: tuple[ConfigurationEntry, ...] = Field(
        (), description="configurations, one by one; with no grid either = 24 that are built in"
    )
    grid: ConfigurationGrid | None = Field(None, description="configurations as a grid, besides")
    trained_on: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        (
            "distilled",
            "random_subset",
            "random_teacher",
            "centroid",
            "node_sampled",
            "equal_seconds",
        ),
        description="what ranks them: rows of the comparison, and equal_seconds: sampled full "
        "data for the seconds of the distilled ones",
    )
    track: Track = Field(
        "network_alone",
        description="whether networks forecast alone or build upon a base, with which all "
        "configurations look alike",
    )
    finalists: Positive = Field(
        3,
        description="configurations that validate best and are then trained fully, of which full "
        "training's validation chooses one",
    )
    resamples: Positive = Field(1000, description="resamples behind the intervals")

    @model_validator(mode="after")
    def _check(self) -> RankConfig:
        if len(set(self.trained_on)) != len(self.trained_on):
            raise ValueError(f"trained_on names one twice: {', '.join(self.trained_on)}")
        if "full_data" in self.trained_on:
            raise ValueError("trained_on: full_data is always trained, it is what others are for")
        if "equal_seconds" in self.trained_on and not {"distilled", "node_sampled"} <= set(
            self.trained_on
        ):
            raise ValueError(
                "trained_on: equal_seconds needs distilled and node_sampled, whose seconds say how "
                "far it goes"
            )
        return self
