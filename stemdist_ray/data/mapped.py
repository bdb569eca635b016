"""Arrays in files: memory pages come and go, and other processes get the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from stemdist_ray.errors import DataError


class MappedArray(np.memmap):  # type: ignore[type-arg]
    """A read-only array in a file.

    Pickling it, or its first steps, writes down the file's name and not the numbers: processes of
    one machine share the pages that the system has read, and other machines need the same path.
    Any other part of it travels as a plain copy.
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Name the file, where this is the whole of it or its first steps."""
        if self._is_beginning():
            return open_mapped, (str(self.filename), self.shape, self.dtype.str)
        return np.array(self).__reduce_ex__(protocol)

    def _is_beginning(self) -> bool:
        mapping = getattr(self, "_mmap", None)
        if mapping is None or not self.flags.c_contiguous:
            return False
        return self.ctypes.data == np.frombuffer(mapping, np.uint8).ctypes.data


def open_mapped(path: str | Path, shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any]:
    """Map a file of plain numbers, or as much of it as ``shape`` needs.

    Raises:
        DataError: The file is not there, or too short.
    """
    try:
        return cast(npt.NDArray[Any], MappedArray(path, dtype=dtype, mode="r", shape=shape))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be mapped ({error}); with workers on several machines the output "
            "folder must be one that all of them see"
        ) from error


def rewrite(
    path: Path,
    shape: tuple[int, ...],
    steps: int,
    change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
) -> None:
    """Replace the float32 numbers of a file, ``steps`` entries of the first axis at a time."""
    numbers: Any = np.memmap(path, dtype=np.float32, mode="r+", shape=shape)
    for first in range(0, shape[0], steps):
        numbers[first : first + steps] = change(np.array(numbers[first : first + steps]))
    numbers.flush()
