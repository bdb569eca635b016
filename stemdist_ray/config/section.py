"""What every section of the configuration is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Ratio = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Threads = Annotated[int, Field(ge=1, le=1024)]  # torch dies of a hundred thousand
Rate = Annotated[float, Field(gt=0.0)]
Covariate = Literal["time_of_day", "day_of_week", "month_of_year"]
Track = Literal["with_base", "network_alone"]
BaseName = Literal["seasonal_linear", "ridge", "none"]
License = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9.+-]*|https?://\S+)$")] | None
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Streaming = Annotated[
    bool,
    Field(
        description="for series larger than memory: read the source block by block and keep the "
        "scaled readings in a file beside the output (parquet, zarr, netcdf, basicts, canonical "
        "folders); the same result"
    ),
]
GraphKind = Literal["weights", "distances"]
GraphFile = Annotated[
    str | None,
    Field(
        description="graph of the locations for forecasters that take one: edges or a matrix, as "
        ".npz, .npy or .csv; null = they learn their own alone"
    ),
]
GraphNumbers = Annotated[
    GraphKind | None,
    Field(
        description="what that file holds: weights, or distances, which a Gaussian kernel turns "
        "into weights; null = what its names and numbers tell"
    ),
]


class Section(BaseModel):
    """A part of a configuration: frozen; unknown keys, infinities and NaN are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )
