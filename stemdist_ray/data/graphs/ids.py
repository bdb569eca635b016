"""What graphs as text are made of: ids of locations, and numbers.

Axis letter: N locations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.locations import plain_id
from stemdist_ray.errors import DataError

Rows = Iterator[list[str]]
"""The rows of a file, cut into fields."""


class GraphIds:
    """What a file may call the locations.

    Args:
        location_ids: N ids.
    """

    def __init__(self, location_ids: Sequence[str]) -> None:
        plain = [plain_id(name) for name in location_ids]
        self.ids = tuple(location_ids)
        # Ids that leading zeros alone tell apart are compared with them.
        self.zeros_count = len(set(plain)) < len(plain)
        names = [name.strip() for name in location_ids] if self.zeros_count else plain
        self.by_name = {name: at for at, name in enumerate(names)}

    def place(self, cell: str) -> int | None:
        """Position of a location by its id, None where there is none."""
        return self.by_name.get(cell.strip() if self.zeros_count else plain_id(cell))

    def position(self, cell: str) -> int | None:
        """Position of a location by its number, None where it is no such."""
        text = cell.strip()
        at = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
        return at if 0 <= at < len(self.ids) else None

    def places(self, cells: Sequence[str], what: str, path: Path) -> npt.NDArray[np.int64]:
        """Positions of N locations that are all named once, in any order: (N,).

        Raises:
            DataError: They are not.
        """
        for of in (self.place, self.position):
            found = [of(cell) for cell in cells]
            if sorted(at for at in found if at is not None) == list(range(len(self.ids))):
                return np.array(found, np.int64)
        unknown = next((cell for cell in cells if self.place(cell) is None), cells[0])
        raise DataError(
            f"{path}: {what} must name each of the {len(self.ids)} locations once (e.g. "
            f"{self.ids[0]!r}), or number them from 0; found e.g. {unknown!r}"
        )


def number_in(cell: str) -> float | None:
    """A number, "nan" and "" included; None where a cell holds none."""
    text = cell.strip()
    if not text:
        return math.nan
    if "_" in text:  # Python's way of writing thousands
        return None
    try:
        return float(text)
    except ValueError:
        return None
