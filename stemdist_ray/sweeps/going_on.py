"""Whether what is asked for now is the sweep that a folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.generation import generation
from stemdist_ray.config import Section, describe_differences, flatten
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.config import ModelsConfig

# Parts of `config` that say where and how trials are computed, which decides no result.
_ELSEWHERE = ("config.worker.", "config.tracking.", "config.streaming")


def check_as_begun(folder: Path, begun: Section, given: Section | None) -> None:
    """Make sure that who goes on with a sweep does not ask for another one.

    Args:
        folder: Of the sweep.
        begun: Its settings.
        given: What is asked for now; None, and sections of which nothing is given, are as they
            were.

    Raises:
        ConfigError: Something is asked for that would give another result.
    """
    if given is None:
        return
    asked = given.model_dump(mode="json", exclude_unset=True)
    before, now = begun.model_dump(mode="json"), given.model_dump(mode="json")
    differences = [
        describe_differences(_deciding(name, before[name]), _deciding(name, now[name]))
        for name in asked
        if _deciding(name, asked[name])
    ]
    told = "; ".join(filter(None, differences))
    if told:
        raise ConfigError(
            f"cannot resume {folder}: it was begun with other settings: {told}. Give those again "
            "or none, or choose another `out`, or move it aside with overwrite=True"
        )


def _deciding(section: str, value: Any) -> dict[str, Any]:
    """The settings of a section that decide the result, flat; an empty one has none."""
    flat = flatten({section: value})
    return {
        name: setting
        for name, setting in flat.items()
        if not name.startswith(_ELSEWHERE) and setting not in (None, {})
    }


def check_same_data(
    folder: Path,
    earlier: Mapping[str, Any],
    prepared: PreparedSource,
    models: ModelsConfig | None,
) -> None:
    """Make sure that readings, and the data set that models train on, are those of before.

    Args:
        folder: Of the sweep.
        earlier: What it wrote down when it began.
        prepared: The readings of now.
        models: Names the data set, where models are searched.

    Raises:
        ConfigError: They are others.
    """
    if earlier["source"]["hash"] != prepared.description.hash:
        raise ConfigError(
            f"cannot resume {folder}: the readings of {prepared.description.source} are not "
            "those it was begun with; start anew in another folder"
        )
    now = data_set_of(models)
    if models is not None and earlier.get("data_set", now) != now:
        raise ConfigError(
            f"cannot resume {folder}: {models.distilled} is not the data set that it was begun "
            "with; choose another `out`, or move it aside with overwrite=True"
        )


def data_set_of(models: ModelsConfig | None) -> str | None:
    """Which data set models are trained on: the sha256 of its manifest; None without models."""
    return None if models is None else generation(models.distilled)
