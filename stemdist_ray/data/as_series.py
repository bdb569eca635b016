"""Arrays and tables in memory as a series: NumPy, torch, pandas, polars, xarray, Arrow, datasets.

Packages that are not at hand cannot have made an object, so an object is recognised by where its
type comes from, and none of them is imported to find out. Axis letters: T steps, N locations, F
features.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.readers.base_class import GRID_SETTINGS, check_settings
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.tables import TABLE_SETTINGS, frame_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import as_configured
from stemdist_ray.errors import DataError

if TYPE_CHECKING:
    import torch
    import xarray as xr

    class PolarsFrame(Protocol):
        """What is asked of a polars data frame."""

        def to_arrow(self) -> Any:
            """As an Arrow table."""

    class HuggingFaceDataset(Protocol):
        """What is asked of a data set of the package ``datasets``."""

        def with_format(self, type: str) -> Any:
            """The same rows in other containers."""


# In quotes, for none of these packages needs to be there.
InMemory: TypeAlias = (
    "npt.NDArray[Any] | torch.Tensor | pd.DataFrame | pd.Series | pa.Table | xr.Dataset | "
    "xr.DataArray | PolarsFrame | HuggingFaceDataset"
)
"""What :func:`as_series` takes besides a series."""

_TAKEN = (
    "a NumPy array or torch tensor (T, N) or (T, N, F), a pandas or polars data frame, a pandas "
    "series, an xarray data set or array, an Arrow table, a datasets.Dataset, a "
    "SpatioTemporalSeries"
)


def as_series(
    data: SpatioTemporalSeries | InMemory, config: DataConfig | None = None, *, name: str = ""
) -> SpatioTemporalSeries:
    """Turn what is in memory into a series, by the rules for files of the same content.

    Args:
        data: An array (T, N) or (T, N, F); a table, wide, long or with a row per series; an xarray
            data set or array; a series. Readings may share memory with it.
        config: Missing values, start and step, locations file, and under ``read`` what tables and
            grids leave open; defaults when None.
        name: What the series is called; by default the kind of the data.

    Returns:
        The series (T, N, F) float32 on regular steps, in the units of the data.

    Raises:
        DataError: Nothing of the kind is taken, or it can be read in two ways.
    """
    config = config or DataConfig()
    if isinstance(data, SpatioTemporalSeries):
        check_settings(config.read, frozenset(), data.name, "a series in memory")
        return as_configured(data.with_changes(name=name) if name else data, config)
    kind, settings, read = _way(data)
    check_settings(config.read, settings, name or kind, f"{kind} in memory")
    with np.errstate(over="ignore"):  # an infinite reading is told of by the series
        series = read(data, Path(name or kind), config.reading)
    return as_configured(series, config)


def _way(data: Any) -> tuple[str, frozenset[str], Any]:
    """What a thing is called, which settings of reading it heeds, and how it becomes a series."""
    origin = type(data).__module__.partition(".")[0]
    kind = type(data).__name__
    if isinstance(data, pd.DataFrame | pd.Series | pa.Table | pa.RecordBatch):
        return kind, TABLE_SETTINGS, _of_table
    if origin == "polars" and hasattr(data, "to_arrow") and kind in ("DataFrame", "Series"):
        return kind, TABLE_SETTINGS, _of_table
    if origin == "datasets" and kind == "Dataset":
        return kind, TABLE_SETTINGS, _of_table
    if origin == "xarray" and kind in ("Dataset", "DataArray"):
        return kind, GRID_SETTINGS - {"group"}, _of_grid
    if isinstance(data, np.ndarray) or (origin == "torch" and hasattr(data, "detach")):
        return "array", frozenset(), _of_array
    hint = ""
    if origin == "datasets" and isinstance(data, dict):
        hint = f"; give one of its splits: {', '.join(map(str, data))}"
    elif origin == "polars" and hasattr(data, "collect"):
        hint = "; call collect() first"
    whose = "" if origin == "builtins" else f" of {origin}"
    raise DataError(f"{kind}{whose} is no series{hint}; expected {_TAKEN}")


def _of_table(data: Any, path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    try:
        return frame_to_series(_frame(data), path, options)
    except (pa.ArrowException, TypeError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as a table: {reason}") from error


def _frame(data: Any) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        return data.to_frame("value" if data.name is None else data.name)
    if hasattr(data, "with_format"):
        # Its table alone would forget which rows were selected, and in which order.
        data = data.with_format("arrow")[:]
    elif hasattr(data, "to_arrow"):
        data = data.to_frame().to_arrow() if type(data).__name__ == "Series" else data.to_arrow()
    frame: pd.DataFrame = data.to_pandas()
    return frame


def _of_grid(data: Any, path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    from stemdist_ray.data.readers.gridded import dataset_to_series
    from stemdist_ray.data.readers.selection import selected

    try:
        grid = data.to_dataset(name=data.name or "value") if hasattr(data, "to_dataset") else data
        return dataset_to_series(selected(grid, options, path).compute(), path, options)
    except (TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as a grid: {reason}") from error


def _of_array(data: Any, path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    mask = np.ma.getmaskarray(data) if isinstance(data, np.ma.MaskedArray) else None
    values = np.ma.getdata(data) if isinstance(data, np.ndarray) else _of_tensor(data)
    if values.ndim not in (2, 3) or values.dtype.kind not in "fiu":
        raise DataError(
            f"{path}: expected numbers of shape (steps, locations) or (steps, locations, "
            f"features); found {values.dtype} of shape {values.shape}"
        )
    return SpatioTemporalSeries(
        values=values,
        mask=None if mask is None else ~mask,
        name=path.name,
        attributes=reading(layout="array"),
    )


def _of_tensor(data: Any) -> npt.NDArray[Any]:
    """As an array, whatever its device, its precision, and whether it has a gradient."""
    try:
        tensor = data.detach()
        if tensor.is_sparse:
            tensor = tensor.to_dense()
        if tensor.is_floating_point():
            tensor = tensor.float()
        values: npt.NDArray[Any] = tensor.cpu().resolve_conj().numpy()
    except (RuntimeError, TypeError, ValueError) as error:  # nested, quantised, without storage
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"the tensor cannot become an array: {reason}") from error
    return values
