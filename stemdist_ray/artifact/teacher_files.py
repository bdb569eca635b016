"""The networks of a teacher on disk: one Parquet table, no pickle."""

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

from stemdist_ray.artifact.tensors import write_table
from stemdist_ray.config import ForecasterConfig, describe_validation_error
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.errors import ArtifactError
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.system.files import read_json, write_json

WEIGHTS, ABOUT = "teacher.parquet", "teacher.json"
TEACHER_FILES = (ABOUT, WEIGHTS)


def save_teacher(folder: Path, teacher: Teacher) -> None:
    """Write a row per parameter and member: ``member``, ``name``, ``shape``, ``dtype``, ``values``.

    ``teacher.json`` says what the members are and what they were built for.
    """
    rows: dict[str, list[Any]] = {n: [] for n in ("member", "name", "shape", "dtype", "values")}
    for member, weights in enumerate(teacher.members):
        for name, array in weights.items():
            rows["member"].append(member)
            rows["name"].append(name)
            rows["shape"].append(list(array.shape))
            rows["dtype"].append(str(array.dtype))
            rows["values"].append(np.asarray(array, np.float32).ravel())
    table = pa.table(
        {
            "member": pa.array(rows["member"], pa.int64()),
            "name": pa.array(rows["name"], pa.string()),
            "shape": pa.array(rows["shape"], pa.list_(pa.int64())),
            "dtype": pa.array(rows["dtype"], pa.string()),
            "values": pa.array(rows["values"], pa.list_(pa.float32())),
        }
    )
    write_table(folder / WEIGHTS, table)
    about = {
        "forecasters": [one.model_dump(mode="json") for one in teacher.forecasters],
        "shape": teacher.shape.to_json(),
    }
    write_json(folder / ABOUT, about)


@dataclass(frozen=True)
class _About:
    """What ``teacher.json`` holds; of releases whose members were all of one kind, that one."""

    shape: WindowShape
    forecasters: tuple[ForecasterConfig, ...] = ()
    forecaster: ForecasterConfig | None = None


_ABOUT = TypeAdapter(_About)


def load_teacher(folder: Path, at: Callable[[str], Path] | None = None) -> Teacher | None:
    """Read a teacher, None where the folder holds none.

    Args:
        folder: Of the teacher.
        at: Where its files are by name, where they are not all in the folder.

    Raises:
        ArtifactError: It is damaged.
    """
    at = at or folder.joinpath
    if not at(ABOUT).exists():
        return None
    try:
        about = _ABOUT.validate_python(read_json(at(ABOUT)))
        members: dict[int, dict[str, npt.NDArray[Any]]] = {}
        for row in pq.read_table(at(WEIGHTS)).to_pylist():
            array = np.array(row["values"], np.float32).astype(row["dtype"])
            members.setdefault(row["member"], {})[row["name"]] = array.reshape(row["shape"])
        kinds = about.forecasters
        if about.forecaster is not None:
            kinds = (about.forecaster,) * len(members)
        if len(kinds) != len(members):
            raise ValueError(f"{len(kinds)} forecasters for {len(members)} members")
        return Teacher(
            members=tuple(members[index] for index in sorted(members)),
            forecasters=kinds,
            shape=about.shape,
        )
    except ValidationError as error:
        reason = describe_validation_error(error).removeprefix("configuration: ")
        raise ArtifactError(f"the teacher in {folder} is damaged: {reason}") from error
    except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise ArtifactError(f"the teacher in {folder} is damaged: {error!r}") from error
