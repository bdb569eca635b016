"""A fitted base on disk: Parquet tables and a page of JSON, no pickle.

Axis letters: H horizon, N locations, R rank of the profile, P places of the season, G groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from stemdist_ray.artifact.tensors import read_tensor, tensor_column, write_table
from stemdist_ray.config import describe_validation_error
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.errors import ArtifactError
from stemdist_ray.forecasters.closed_form.base_model import PARTS, BaseModel
from stemdist_ray.forecasters.closed_form.fit_base import BaseChoice, FittedBase
from stemdist_ray.forecasters.closed_form.profile import SeasonProfile
from stemdist_ray.system.files import read_json, write_json

ABOUT, WEIGHTS, PATTERNS, LOCATIONS = (
    "base.json",
    "base_weights.parquet",
    "base_patterns.parquet",
    "base_locations.parquet",
)
BASE_FILES = (ABOUT, WEIGHTS, PATTERNS, LOCATIONS)


@dataclass(frozen=True)
class _About:
    """What ``base.json`` holds."""

    kind: str
    lookback: int
    horizon: int
    season: SeasonRule
    calendar: tuple[int, ...]
    num_groups: int
    choice: BaseChoice


_ABOUT = TypeAdapter(_About)


def save_base(folder: Path, fitted: FittedBase) -> None:
    """Write a base into a folder; what belongs to other things there stays.

    Files: ``base_weights.parquet``, a row per horizon step and a column per part of the inputs;
    ``base_patterns.parquet``, a row per pattern of the profiles, over the places of the season;
    ``base_locations.parquet``, level, group and coefficients of every location; ``base.json``.
    """
    model = fitted.model
    weights = {part: tensor_column(values) for part, values in model.weights.items()}
    steps = {"step": np.arange(1, model.horizon + 1)}
    write_table(folder / WEIGHTS, pa.table({**steps, **weights}))
    profile = model.profile
    patterns: dict[str, Any] = {"pattern": np.arange(profile.rank)}
    locations: dict[str, Any] = {"level": profile.level, "group": _groups(model.membership)}
    if profile.rank:
        patterns["places"] = tensor_column(profile.patterns)
        locations["coefficients"] = tensor_column(profile.coefficients)
    write_table(folder / PATTERNS, pa.table(patterns))
    write_table(folder / LOCATIONS, pa.table(locations))
    about = {
        "kind": model.kind,
        "lookback": model.lookback,
        "horizon": model.horizon,
        "season": model.season.to_json(),
        "calendar": list(model.calendar),
        "num_groups": model.membership.shape[1],
        "choice": fitted.choice.to_json(),
    }
    write_json(folder / ABOUT, about)


def load_base(folder: Path, at: Callable[[str], Path] | None = None) -> FittedBase | None:
    """Read a base, None where the folder holds none.

    Args:
        folder: Of the base.
        at: Where its files are by name, where they are not all in the folder.

    Raises:
        ArtifactError: It is damaged.
    """
    at = at or folder.joinpath
    if not at(ABOUT).exists():
        return None
    try:
        about = _ABOUT.validate_python(read_json(at(ABOUT)))
        weights = pq.read_table(at(WEIGHTS))
        patterns = pq.read_table(at(PATTERNS))
        locations = pq.read_table(at(LOCATIONS))
        return FittedBase(
            BaseModel(
                kind=about.kind,
                weights={
                    part: read_tensor(weights[part])
                    for part in PARTS
                    if part in weights.column_names
                },
                season=about.season,
                calendar=about.calendar,
                profile=_profile(patterns, locations),
                membership=_membership(locations["group"].to_numpy(), about.num_groups),
                lookback=about.lookback,
                horizon=about.horizon,
            ),
            about.choice,
        )
    except ValidationError as error:
        reason = describe_validation_error(error).removeprefix("configuration: ")
        raise ArtifactError(f"the base in {folder} is damaged: {reason}") from error
    except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise ArtifactError(f"the base in {folder} is damaged: {error!r}") from error


def _profile(patterns: pa.Table, locations: pa.Table) -> SeasonProfile:
    level = locations["level"].to_numpy()
    if len(patterns) == 0:
        return SeasonProfile(
            level, np.zeros((len(level), 0), np.float32), np.zeros((0, 1), np.float32)
        )
    return SeasonProfile(
        level, read_tensor(locations["coefficients"]), read_tensor(patterns["places"])
    )


def _groups(membership: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Group of every location, 0 where there are none: (N,)."""
    if membership.shape[1] == 0:
        return np.zeros(len(membership), np.int64)
    return np.asarray(membership.argmax(axis=1))


def _membership(groups: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float32]:
    if count == 0:
        return np.zeros((len(groups), 0), np.float32)
    return np.eye(count, dtype=np.float32)[groups]
