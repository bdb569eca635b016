from pathlib import Path

import numpy as np
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.columns import plain_columns

PATH = Path("x.csv")


def table():
    days = pd.date_range("2024-01-01", periods=3).repeat(4)
    return pd.DataFrame(
        {"date": days, "store": [1, 1, 2, 2] * 3, "item": ["a", "b"] * 6, "sales": np.arange(12.0)}
    )


def test_several_columns_of_ids():
    ready = plain_columns(table(), PATH, ReadConfig(location_column="store, item"))
    assert list(ready) == ["date", "sales", "store, item"]
    assert list(ready["store, item"][:4]) == ["1,a", "1,b", "2,a", "2,b"]


def test_a_part_that_is_missing():
    holes = table().assign(item=["a", None] * 6)
    ready = plain_columns(holes, PATH, ReadConfig(location_column="store,item"))
    assert ready["store,item"].isna().sum() == 6


def test_a_name_with_a_comma():
    named = table().rename(columns={"item": "store,item"})
    ready = plain_columns(named, PATH, ReadConfig(location_column="store,item"))
    assert "store" in ready


def test_an_index_becomes_columns():
    ready = plain_columns(table().set_index("date"), PATH, ReadConfig())
    assert next(iter(ready)) == "date"
