"""Ways in which files write times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

# A format, and whether nothing else than it can be meant.
FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y-%m-%d %H:%M"),
    *("%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y", "%m/%d/%Y"),
    *("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m", "%Y"),
    *("%d-%b-%Y %H:%M:%S", "%b %d, %Y %H:%M", "%d %B %Y", "%m/%d/%Y %I:%M:%S %p", "%Y-%m"),
    *("%d/%m/%y %H:%M", "%y%m%d", "%Y.%m.%d %H:%M:%S", "%A, %d %B %Y %H:%M", "%Y-%j"),
    *("%Y-%m-%d %H:%M:%S.%f", "%d.%m.%Y", "%H:%M:%S %d.%m.%Y", "%Y_%m_%d_%H_%M_%S"),
)


@st.composite
def written(draw: Any, times: np.ndarray, name: str) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Columns of times by name, and the settings that say how they are written.

    The settings are given in about half of the cases; never where nobody could do without.
    """
    stamps = pd.DatetimeIndex(times)
    kind = draw(st.sampled_from(("text", "text", "text", "offset", "number", "columns", "excel")))
    say = draw(st.booleans())
    if kind == "offset":
        return {name: _with_offsets(draw, stamps)}, {}
    if kind == "number":
        unit = draw(st.sampled_from(("s", "ms", "us", "ns")))
        numbers = stamps.as_unit(unit).astype(np.int64)
        as_float = unit != "ns" and draw(st.integers(0, 4)) == 0
        shown = [float(v) for v in numbers] if as_float else [int(v) for v in numbers]
        return {name: shown}, ({"time_format": f"epoch-{unit}"} if say or as_float else {})
    if kind == "excel":
        days = (stamps - pd.Timestamp("1899-12-30")) / pd.Timedelta(1, "D")
        name_tells = name.strip().lower() == "date" and not say
        return {name: [float(v) for v in days]}, ({} if name_tells else {"time_format": "excel"})
    if kind == "columns":
        return _columns(draw, stamps, name)
    fits = [f for f in FORMATS if _lossless(stamps, f)]
    form = draw(st.sampled_from(fits))
    text = list(stamps.strftime(form))
    settings: dict[str, Any] = {}
    if say:
        numeric = form.startswith(("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m/%d/%Y"))
        first = {"dayfirst": form.startswith("%d")} if numeric else {"time_format": form}
        settings = draw(st.sampled_from(({"time_format": form}, first)))
    elif form in ("%Y%m", "%Y", "%y%m%d", "%Y-%j", "%Y_%m_%d_%H_%M_%S", "%H:%M:%S %d.%m.%Y"):
        settings = {"time_format": form}
    return {name: text}, settings


def _lossless(stamps: pd.DatetimeIndex, form: str) -> bool:
    text = stamps.strftime(form)
    try:
        return bool((pd.to_datetime(text, format=form) == stamps).all())
    except ValueError:
        return False


def _with_offsets(draw: Any, stamps: pd.DatetimeIndex) -> list[str]:
    hours = draw(st.sampled_from((0, 0, 2, -5, 5.5)))
    shown = stamps + pd.Timedelta(hours, "h")
    sign, whole, rest = "-" if hours < 0 else "+", int(abs(hours)), 30 * (hours % 1 != 0)
    ends = [f"{sign}{whole:02d}:{rest:02d}", f"{sign}{whole:02d}{rest:02d}"]
    end = draw(st.sampled_from(("Z", *ends) if hours == 0 else ends))
    gap = draw(st.sampled_from(("T", " ")))
    return [f"{t:%Y-%m-%d}{gap}{t:%H:%M:%S}{end}" for t in shown]


def _columns(
    draw: Any, stamps: pd.DatetimeIndex, name: str
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    if draw(st.booleans()):
        form = draw(st.sampled_from(("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y")))
        clock = draw(st.sampled_from(("%H:%M:%S", "%H:%M:%S", "%I:%M:%S %p")))
        return {"date": list(stamps.strftime(form)), "clock": list(stamps.strftime(clock))}, {}
    parts = ["year", "month", "day", "hour", "minute", "second"]
    last = 6 if (stamps.second != 0).any() else 5 if (stamps.minute != 0).any() else 4
    last = 3 if (stamps == stamps.normalize()).all() else last
    upper = draw(st.booleans())
    return {
        (p.upper() if upper else p): [int(v) for v in getattr(stamps, p)] for p in parts[:last]
    }, {}
