"""How the bytes of a source become a table or a grid, where the file alone does not say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from stemdist_ray.config.section import Section


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Method = Annotated[Literal["mean", "last", "sum"], BeforeValidator(_lower)]


class ReadConfig(Section):
    """Settings of readers. None of them is needed where there is one way to read a file."""

    key: str | None = Field(None, description="which table of an HDF5 file with several")
    group: str | None = Field(
        None, description="which group of a NetCDF file or Zarr store, e.g. forecast/surface"
    )
    select: dict[str, str | float] = Field(
        default_factory=dict,
        description="where a grid has dimensions besides time and place: the entry to take of "
        "each, by its label",
    )
    layout: Literal["auto", "wide", "long"] = Field(
        "auto",
        description="wide: a row per step and a column per location; long: a row for each pair",
    )
    time_column: str | None = Field(None, description="name of the column of times")
    location_column: str | None = Field(
        None, description="name of the column of location ids in a long table"
    )
    features: tuple[str, ...] = Field(
        (), description="columns of readings in a long table; none = all numbers"
    )
    separator: str | None = Field(
        None, description="between the fields of a text file; null = the commonest of , ; and tab"
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="before the fraction of numbers in a text file; null = a point"
    )
    thousands: Literal[".", ",", " ", "'", "_"] | None = Field(
        None, description="between the thousands of numbers in a text file; null = nothing"
    )
    missing_text: tuple[str, ...] = Field(
        (),
        description="texts in a text file that mean 'missing', e.g. '?' or '-', besides empty "
        "cells, NA, NaN, null and the like",
    )
    encoding: str | None = Field(None, description="of a text file; null = UTF-8")
    header: bool | None = Field(
        None, description="whether the first row of a text file names columns; null = by its looks"
    )
    transpose: bool = Field(
        False, description="a table has a row per location and a column per step"
    )
    time_format: str | None = Field(
        None,
        description="how times are written: epoch-s, epoch-ms, epoch-us, epoch-ns, excel, or a "
        "format such as %d.%m.%Y %H:%M; null = by their looks",
    )
    dayfirst: bool | None = Field(
        None, description="whether 3/4/2021 is the third of April; null = where only one fits"
    )
    timezone: str | None = Field(
        None,
        description="of a table's times of local clocks, e.g. Europe/Paris; they become UTC. "
        "null = they are taken as they are",
    )
    duplicates: Literal["error", "first", "mean"] = Field(
        "error",
        description="readings of one time and location that come twice: refused, the first one is "
        "kept, or their mean is taken",
    )
    resample: tuple[Method, str] | None = Field(
        None,
        description="bring readings to common steps, e.g. [mean, 5min]: the mean, last or sum of "
        "what was observed in each; a step is named by its beginning",
    )
    _step: str | None = PrivateAttr(None)

    @property
    def step(self) -> str | None:
        """``data.sampling_step``, for sources that say when they start and not how they go on."""
        return self._step

    def with_step(self, step: str | None) -> ReadConfig:
        """The same settings and the time between steps."""
        changed = self.model_copy()
        changed._step = step
        return changed
