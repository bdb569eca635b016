"""Arrays in files: memory pages come and go, and other processes get the file's name.

What is derived from a series in a file (some of its locations, the means of its clusters) is as
long as the series, so it goes into a file beside it.
"""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from stemdist_ray.errors import DataError

_DERIVED = "derived-"  # how names of files begin that hold something made of the series


class MappedArray(np.memmap):  # type: ignore[type-arg]
    """A read-only array in a file.

    Pickling it, or a run of its steps, writes down the file's name and not the numbers: processes
    of one machine share the pages that the system has read, and other machines need the same path.
    Any other part of it travels as a plain copy.
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Name the file and the place in it, where this is a run of whole steps."""
        offset = self.place()
        if offset is None:
            return np.array(self).__reduce_ex__(protocol)
        return open_mapped, (str(self.filename), self.shape, self.dtype.str, offset)

    def place(self) -> int | None:
        """Bytes in the file before this part of it; None where it is no run of whole steps."""
        mapping = getattr(self, "_mmap", None)
        if mapping is None or not self.flags.c_contiguous or self.size == 0:
            return None
        # A mapping begins at a whole page, up to a page before what was asked for.
        begins = int(self.offset) - int(self.offset) % mmap.ALLOCATIONGRANULARITY
        return begins + self.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data


def open_mapped(
    path: str | Path, shape: tuple[int, ...], dtype: str, offset: int = 0
) -> npt.NDArray[Any]:
    """Map a file of plain numbers, or as much of it as ``shape`` needs.

    Args:
        path: The file.
        shape: Of the array.
        dtype: Of its numbers, as NumPy writes it.
        offset: Bytes of the file before them.

    Raises:
        DataError: The file is not there, or too short.
    """
    try:
        return cast(
            npt.NDArray[Any], MappedArray(path, dtype=dtype, mode="r", shape=shape, offset=offset)
        )
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be mapped ({error}); with workers on several machines the output "
            "folder must be one that all of them see"
        ) from error


def read_rows(array: npt.NDArray[Any], rows: slice) -> npt.NDArray[Any]:
    """Some steps of an array, to be looked at once.

    Of an array in a file they are read into memory of their own: pages of a mapping would count as
    memory of this process until the system needs them for something else.

    Args:
        array: (T, ...).
        rows: Neighbouring steps.
    """
    part = array[rows]
    place = part.place() if isinstance(part, MappedArray) else None
    if place is None:
        return part
    assert isinstance(part, MappedArray)
    numbers = np.fromfile(str(part.filename), part.dtype, part.size, offset=place)
    return numbers.reshape(part.shape)


class Filling:
    """An array that is filled part by part along its first axis, held the way another is.

    Args:
        like: Where this is in a file, a file beside it; in memory where it is not.
        shape: Of all of it.
        dtype: Of its numbers, as NumPy writes it.
    """

    def __init__(self, like: npt.NDArray[Any], shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, dtype
        self._path: Path | None = None
        self._array, self._filled = np.empty(0, dtype), 0
        if isinstance(like, MappedArray) and like.place() is not None:
            # A name of its own: a task that is run again may meet what the first try still writes.
            name = f"{_DERIVED}{secrets.token_hex(8)}"
            self._path = Path(str(like.filename)).with_name(name)
        else:
            self._array = np.empty(shape, dtype)

    def add(self, part: npt.NDArray[Any]) -> None:
        """Add the part that follows.

        Raises:
            DataError: There is no room for it in the file.
        """
        if self._path is None:
            self._array[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            return
        try:
            with self._path.open("ab") as file:
                file.write(np.ascontiguousarray(part, self.dtype).data)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            raise DataError(
                f"{self._path}: a series that is derived from a streamed one cannot be written "
                f"({error}); its folder lies beside the output and must be one that all machines "
                "can write to"
            ) from error

    def done(self) -> npt.NDArray[Any]:
        """The array, once all parts are there."""
        return (
            self._array if self._path is None else open_mapped(self._path, self.shape, self.dtype)
        )


def filled(
    like: npt.NDArray[Any],
    shape: tuple[int, ...],
    dtype: str,
    parts: Iterator[npt.NDArray[Any]],
) -> npt.NDArray[Any]:
    """An array of parts that follow each other along its first axis; see :class:`Filling`.

    Raises:
        DataError: There is no room for its file.
    """
    whole = Filling(like, shape, dtype)
    for part in parts:
        whole.add(part)
    return whole.done()


def discard(*arrays: npt.NDArray[Any] | None) -> None:
    """Remove the files that :func:`filled` made for arrays that are of no further use.

    Arrays in memory, series themselves and None are left alone. Whoever still maps such a file
    keeps what it holds.
    """
    for array in arrays:
        if isinstance(array, MappedArray) and array.filename is not None:
            path = Path(str(array.filename))
            if path.name.startswith(_DERIVED):
                path.unlink(missing_ok=True)


def rewrite(
    path: Path,
    shape: tuple[int, ...],
    steps: int,
    change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
) -> None:
    """Replace the float32 numbers of a file, ``steps`` entries of the first axis at a time.

    Args:
        path: The file, of nothing else.
        shape: Of the array.
        steps: Held in memory at a time.
        change: Of (t, ...) numbers; keeps the shape.
    """
    per_step = int(np.prod(shape[1:], dtype=np.int64))
    with path.open("r+b") as file:
        for first in range(0, shape[0], steps):
            count = min(steps, shape[0] - first)
            file.seek(4 * first * per_step)
            block = np.fromfile(file, np.float32, count * per_step)
            file.seek(4 * first * per_step)
            file.write(change(block.reshape(count, *shape[1:])).astype(np.float32, copy=False).data)
