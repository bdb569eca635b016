import math
from pathlib import Path

import pytest

from stemdist_ray.data.graphs.ids import GraphIds, number_in
from stemdist_ray.errors import DataError


def test_ids_are_text_without_leading_zeros():
    ids = GraphIds(("007", "a b", "10"))
    assert [ids.place(cell) for cell in ("7", " a b ", "0010", "1")] == [0, 1, 2, None]
    # Where zeros alone tell ids apart they count.
    ids = GraphIds(("007", "7"))
    assert [ids.place(cell) for cell in ("7", "007", "07")] == [1, 0, None]


def test_positions_are_whole_numbers_below_n():
    ids = GraphIds(("x", "y"))
    assert [ids.position(c) for c in ("0", " 1", "2", "-1", "1.0", "", "9" * 50, "²")] == [
        0,
        1,
        *[None] * 6,
    ]


def test_ids_come_first_then_positions():
    ids = GraphIds(("1", "2", "0"))
    assert ids.places(["0", "1", "2"], "row", Path("g")).tolist() == [2, 0, 1]
    ids = GraphIds(("x", "y", "z"))
    assert ids.places(["1", "0", "2"], "row", Path("g")).tolist() == [1, 0, 2]
    with pytest.raises(DataError, match="each of the 3 locations once .* found e.g. 'w'"):
        ids.places(["x", "y", "w"], "row", Path("g"))
    with pytest.raises(DataError, match="once"):
        ids.places(["x", "y", "y"], "row", Path("g"))


def test_numbers():
    assert number_in(" 1e3 ") == 1000
    assert math.isnan(number_in(""))
    assert math.isnan(number_in("nan"))
    assert number_in("1_000") is None
    assert number_in("x") is None
