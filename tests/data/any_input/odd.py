"""Settings of reading, sensible and silly ones, on good files.

Where a setting means nothing else than what the file holds anyway, what is read must be right;
where it says something else (a mean per hour, clocks of a zone) that is worked out here by pandas;
with the others there are no tracebacks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from tests.data.any_input import files
from tests.data.any_input.damage import GOOD
from tests.data.any_input.truth import Case, Truth, truths

Write = Callable[[Path], Case]
_TEXT = st.text(max_size=8)
_NAMES = st.one_of(
    st.sampled_from(("time", "station", "flow", "speed", "s0", "TIME", "", "no such", "0")), _TEXT
)
_ZONES = ("UTC", "Europe/Paris", "America/New_York", "Nowhere/Town", "", "CET", "+02:00", "../etc")
_LENGTHS = ("5min", "1h", "1D", "7D", "MS", "0h", "-1h", "x", "", "1", "1e9D", "1ns", "90min", "2h")
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "key": st.one_of(st.sampled_from(("df", "/df", "speed", "a/b", "..", "")), _TEXT),
    "group": st.one_of(st.sampled_from(("/", "a/b", "flow", "..")), _TEXT),
    "select": st.dictionaries(
        st.sampled_from(("level", "time", "station", "Time", "")), st.sampled_from((0.0, "s0", "1"))
    ),
    "layout": st.sampled_from(("auto", "wide", "long")),
    "time_column": _NAMES,
    "location_column": _NAMES,
    "features": st.lists(_NAMES, max_size=3).map(tuple),
    "separator": st.one_of(
        st.sampled_from((",", ";", "\t", "tab", "space", "|", "", '"', ",,", "\n", "é", "\\")),
        _TEXT,
    ),
    "decimal": st.sampled_from((".", ",")),
    "thousands": st.sampled_from((".", ",", " ", "'", "_")),
    "encoding": st.one_of(
        st.sampled_from(("utf-8", "latin-1", "utf-16", "utf-7", "cp1252", "ascii", "rot13")),
        st.sampled_from(("idna", "punycode", "base64", "hex", "unicode_escape", "", "x\0y")),
        _TEXT,
    ),
    "header": st.booleans(),
    "transpose": st.booleans(),
    "time_format": st.one_of(
        st.sampled_from(("epoch-s", "epoch-ns", "epoch-x", "excel", "%Y-%m-%d %H:%M:%S", "%Y", "")),
        st.sampled_from(("%", "%Q", "ISO8601", "mixed", "%H:%M", "%Y-%m-%d", "%z", "%d.%m.%Y")),
        _TEXT,
    ),
    "dayfirst": st.booleans(),
    "timezone": st.one_of(st.sampled_from(_ZONES), _TEXT),
    "duplicates": st.sampled_from(("error", "first", "mean")),
    "resample": st.tuples(st.sampled_from(("mean", "last", "sum")), st.sampled_from(_LENGTHS)),
}  # fmt: skip
DATA: dict[str, st.SearchStrategy[Any]] = {
    "start": st.one_of(st.sampled_from(("2024-01-01", "0001-01-01", "nan", "", "now")), _TEXT),
    "sampling_step": st.one_of(st.sampled_from(_LENGTHS), _TEXT),
    "missing_values": st.lists(
        st.floats(allow_nan=False, allow_infinity=False), max_size=3
    ).map(tuple),
    "locations_file": st.sampled_from(("nowhere.csv", "", "/", "x.csv")),
    "memory_budget": st.sampled_from(("1B", "10KiB", "512MiB")),
}  # fmt: skip


@st.composite
def silly(draw: Any) -> Write:
    """Any settings on a good file: only a traceback is wrong."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    read = draw(st.fixed_dictionaries({}, optional=SETTINGS).filter(lambda d: len(d) < 5))
    data = draw(st.fixed_dictionaries({}, optional=DATA).filter(lambda d: len(d) < 3))

    def write(folder: Path) -> Case:
        return Case(GOOD[kind](folder), None, read, data, f"{kind}, silly")

    return write


@st.composite
def meant(draw: Any) -> Write:
    """Settings of which pandas says what they mean, on long and wide tables."""
    truth = draw(truths(hard_ids=False))
    what = draw(st.sampled_from(("resample", "timezone", "features", "twice", "irregular")))
    ending = draw(st.sampled_from((".csv", ".parquet", ".arrow")))
    wide = draw(st.booleans()) and what != "features"
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    truth = truth.one_feature() if wide else truth
    read: dict[str, Any] = {"layout": "wide" if wide else "long"}
    if not wide:
        read["location_column"] = "station"
    again = 0
    if what == "features":
        chosen = draw(st.lists(st.sampled_from(truth.features), min_size=1, unique=True))
        at = [truth.features.index(f) for f in chosen]
        right = truth.but(features=tuple(chosen), values=truth.values[:, :, at])
        read["features"] = tuple(chosen)
    elif what == "timezone":
        zone = draw(st.sampled_from(("Europe/Paris", "America/New_York", "Asia/Kolkata")))
        read["timezone"] = zone
        shown = pd.DatetimeIndex(truth.times).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        right, truth = truth, truth.but(times=shown.to_numpy("datetime64[ns]"))
    elif what == "twice":
        again = int(rng.integers(1, len(truth.times)))
        read["duplicates"] = draw(st.sampled_from(("first", "mean")))
        right = truth
    else:
        if what == "irregular":
            apart = rng.integers(1, 7_000, len(truth.times))
            times = truth.times[0] + np.cumsum(apart).astype("timedelta64[s]")
            truth = truth.but(times=times.astype("datetime64[ns]"))
        how = draw(st.sampled_from(("mean", "last", "sum")))
        step = draw(st.sampled_from(("10min", "1h", "6h", "1D")))
        read["resample"] = (how, step)
        right = _resampled(truth, how, step)

    def write(folder: Path) -> Case:
        table = _rows(truth, wide)
        if again:
            # The same readings once more: the first, and the mean of both, are those.
            own = table.time <= truth.times[again]
            table = pd.concat([table, table[own]]).sort_values("time", kind="stable")
        return Case(
            files._save(table, folder / f"x{ending}"), right, read, what=f"{what}, {ending}"
        )

    return write


def _rows(truth: Truth, wide: bool) -> pd.DataFrame:
    if not wide:
        return files._long_table(truth)
    table = pd.DataFrame(truth.values[:, :, 0], columns=list(truth.ids))
    table.insert(0, "time", truth.times)
    return table


def _resampled(truth: Truth, how: str, step: str) -> Truth:
    """By pandas, from midnight before the first reading on."""
    steps, places, kinds = truth.values.shape
    flat = pd.DataFrame(
        truth.values.reshape(steps, -1).astype(np.float64), index=pd.DatetimeIndex(truth.times)
    )
    groups = flat.resample(step, origin="start_day")
    made = groups.sum(min_count=1) if how == "sum" else getattr(groups, how)()
    made = made[groups.size() > 0]
    values = made.to_numpy().reshape(-1, places, kinds).astype(np.float32)
    size = float(np.nanmax(np.abs(truth.values))) * (steps if how == "sum" else 1)
    times = made.index.to_numpy("datetime64[ns]")
    return truth.but(times=times, values=values, off=1e-6 * size)
