"""The tables of an artifact, from arrays and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stemdist_ray.artifact.tensors import read_tensor, tensor_column
from stemdist_ray.distillation.state import KnownParts
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase


def synthetic_table(
    x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], known: KnownParts
) -> pa.Table:
    """``synthetic.parquet``, a row per window.

    Args:
        x: (W, L, K, F) scaled inputs.
        y: (W, H, K) scaled targets.
        known: Calendar, what the base adds, and weights, where there are any.
    """
    columns: dict[str, Any] = {
        "window": np.arange(len(x)),
        "x": tensor_column(x),
        "y": tensor_column(y),
    }
    if known.calendar is not None:
        columns["calendar"] = tensor_column(known.calendar)
    if known.offset is not None:
        columns["base_offset"] = tensor_column(known.offset)
    if known.weights is not None:
        columns["weight"] = known.weights
    return pa.table(columns)


def known_parts(synthetic: pa.Table, fitted: FittedBase | None) -> KnownParts:
    """What :func:`synthetic_table` was given as ``known``, with the base's map of own lags."""
    names = synthetic.column_names
    return KnownParts(
        calendar=read_tensor(synthetic["calendar"]) if "calendar" in names else None,
        offset=read_tensor(synthetic["base_offset"]) if "base_offset" in names else None,
        own=None if fitted is None else fitted.model.weights["own"],
        weights=optional_column(synthetic, "weight"),
    )


def location_table(
    ids: Sequence[str],
    assignment: npt.NDArray[np.int64],
    coordinates: npt.NDArray[np.float64] | None,
) -> pa.Table:
    """``locations.parquet``, a row per real location.

    Args:
        ids: Names of the N locations.
        assignment: (N,) cluster of each.
        coordinates: (N, 2), None where they are not known.
    """
    columns: dict[str, Any] = {"id": pa.array(ids, pa.string()), "cluster": assignment}
    if coordinates is not None:
        columns |= {f"coordinate_{i}": coordinates[:, i] for i in (0, 1)}
    return pa.table(columns)


def encoder_table(ids: Sequence[str], mean_window: npt.NDArray[np.float32]) -> pa.Table:
    """``encoder_input.parquet``: the mean train window of every real location, (N, L, F)."""
    return pa.table({"id": pa.array(ids, pa.string()), "mean_window": tensor_column(mean_window)})


def optional_column(table: pa.Table, name: str) -> npt.NDArray[Any] | None:
    """A column as an array, None where the table has none of that name."""
    return table[name].to_numpy() if name in table.column_names else None
