"""What is recorded of a source, the same for a series in memory and for one read in blocks.

Axis letters: T steps, N locations, F features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.readers.reading import READING
from stemdist_ray.data.regular import FILLED
from stemdist_ray.data.series import SpatioTemporalSeries, content_hash, sampling_step


@dataclass(frozen=True)
class SourceDescription:
    """What manifests, cards and trackers say of a source.

    Args:
        source: SOURCE as it was given, or the name of a series in memory.
        format: Name of the reader, "simulation" or "memory".
        name: Of the series.
        steps: T.
        locations: N.
        features: F names, without covariates.
        units: Unit per feature, "" where unknown.
        first_time: Of the first step, ISO 8601, None without time stamps.
        last_time: Of the last step.
        sampling_seconds: Median time between steps.
        missing_share: Share of entries that were not observed, 0 to 1.
        has_coordinates: Whether the locations have coordinates.
        hash: Of readings, mask, time stamps and location ids.
        filled_steps: Steps for which the source has no row; all their entries are missing.
        reading: How it was read, e.g. its layout and which column held the times.
    """

    source: str
    format: str
    name: str
    steps: int
    locations: int
    features: tuple[str, ...]
    units: tuple[str, ...]
    first_time: str | None
    last_time: str | None
    sampling_seconds: float | None
    missing_share: float
    has_coordinates: bool
    hash: str
    filled_steps: int = 0
    reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def missing_rows(self) -> str:
        """A line about steps for which the source has no row, empty where it has all."""
        if not self.filled_steps:
            return ""
        return (
            f"{self.filled_steps:,} of {self.steps:,} steps have no row in the source; they count "
            "as missing"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain data, for JSON files."""
        return {**asdict(self), "features": list(self.features), "units": list(self.units)}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> SourceDescription:
        """Read what :meth:`to_json` wrote."""
        return cls(**{**tree, "features": tuple(tree["features"]), "units": tuple(tree["units"])})


def describe_series(series: SpatioTemporalSeries, source: str, kind: str) -> SourceDescription:
    """Describe a series in memory.

    Args:
        series: The series, without covariates.
        source: Where it comes from.
        kind: Its format.
    """
    masks = [] if series.mask is None else [series.mask]
    missing = 0 if series.mask is None else int(np.count_nonzero(~series.mask))
    filled = int(series.attributes.get(FILLED, 0))
    return describe_blocks(
        series, source, kind, len(series.values), missing, [series.values], masks, filled=filled
    )


def describe_blocks(
    like: SpatioTemporalSeries,
    source: str,
    kind: str,
    steps: int,
    missing: int,
    values: Iterable[npt.NDArray[np.float32]],
    masks: Iterable[npt.NDArray[np.bool_]],
    times: npt.NDArray[np.datetime64] | None = None,
    filled: int = 0,
) -> SourceDescription:
    """Describe a series that is at hand in blocks of steps.

    Args:
        like: A series with its names, units and coordinates: the whole of it, or a block.
        source: Where it comes from.
        kind: Its format.
        steps: T.
        missing: Number of entries that were not observed.
        values: Blocks of (t, N, F) readings, NaN where missing.
        masks: Blocks of the mask, see :func:`stemdist_ray.data.series.content_hash`.
        times: (T,) time stamps; None = those of ``like``.
        filled: Steps for which the source has no row.
    """
    stamps = like.times if times is None else times
    step = sampling_step(stamps)
    shape = (steps, like.num_locations, like.num_features)
    return SourceDescription(
        source=source,
        format=kind,
        name=like.name,
        steps=steps,
        locations=like.num_locations,
        features=like.feature_names,
        units=like.units,
        first_time=None if stamps is None else str(stamps[0]),
        last_time=None if stamps is None else str(stamps[-1]),
        sampling_seconds=None if step is None else float(step.astype("int64")) / 1e9,
        missing_share=missing / (shape[0] * shape[1] * shape[2]),
        has_coordinates=like.coordinates is not None,
        hash=content_hash(shape, values, masks, stamps, (*like.location_ids, *like.feature_names)),
        filled_steps=filled,
        reading=like.attributes.get(READING, {}),
    )
