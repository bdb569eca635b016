"""Groups of NetCDF files and Zarr stores: which one is read, with what it has from those above."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stemdist_ray.errors import DataError

if TYPE_CHECKING:
    import xarray as xr


def of_group(
    root: xr.Dataset, group: str | None, tree: Callable[[], xr.DataTree] | None, path: Path
) -> xr.Dataset:
    """The data set of a group; coordinates of the groups above it count as its own.

    Args:
        root: Of the file itself.
        group: Which one is meant; None = the file itself, where it has variables, else the only
            group that has any.
        tree: Opens all groups; None = the format has none.
        path: For messages.

    Raises:
        DataError: There is no such group, or which one is meant is open.
    """
    if group is None and (root.data_vars or tree is None):
        return root
    if tree is None:
        raise DataError(f"{path}: files of NetCDF 3 have no groups; leave data.read.group out")
    groups = tree()
    filled = {
        node.path.strip("/"): node for node in groups.subtree if node.data_vars and node.path != "/"
    }
    if group is None:
        if not filled:
            return root
        if len(filled) > 1:
            raise DataError(
                f"{path}: has its variables in {len(filled)} groups: {', '.join(sorted(filled))}; "
                "say which one by data.read.group"
            )
        return next(iter(filled.values())).to_dataset()
    if group.strip("/") not in filled:
        raise DataError(
            f"{path}: has no group {group!r} with variables; found "
            f"{', '.join(sorted(filled)) or 'no group'}"
        )
    return filled[group.strip("/")].to_dataset()
