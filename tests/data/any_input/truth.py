"""Series that are known, to be written in every way and read again.

Axis letters: T steps, N locations, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

STEPS = ("1s", "30s", "1min", "5min", "15min", "1h", "3h", "6h", "1D", "7D", "MS")


@dataclass(frozen=True)
class Truth:
    """What must come out. ``times`` is strictly increasing and may leave out rows.

    ``named``: features have their names in the file; ``kept_times``: so do times;
    ``off``: by how much readings may differ (packed integers).
    """

    times: np.ndarray
    ids: tuple[str, ...]
    features: tuple[str, ...]
    values: np.ndarray
    step: str
    named: bool = True
    kept_times: bool = True
    off: float = 0.0

    @property
    def whole(self) -> bool:
        """No row is left out."""
        return len(self.times) == len(full_times(self.times[0], len(self.times), self.step)) and (
            bool((self.times == full_times(self.times[0], len(self.times), self.step)).all())
        )

    def but(self, **changes: Any) -> Truth:
        return replace(self, **changes)

    def one_feature(self) -> Truth:
        return self.but(values=self.values[:, :, :1], features=self.features[:1], named=False)


@dataclass
class Case:
    """A file (or several) that was written, how it is to be read, and what is true.

    ``certain``: the settings say all there is to say, so that refusing it would be too strict.
    """

    path: Any
    truth: Truth
    read: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    what: str = ""
    certain: bool = False


def full_times(start: Any, count: int, step: str) -> np.ndarray:
    return np.asarray(pd.date_range(start, periods=count, freq=step).to_numpy("datetime64[ns]"))


PLAIN_IDS = st.integers(0, 10**9).map(lambda seed: _plain_ids(seed))
HARD = (
    *("007", "7", "0012", "NA", "nan", "null", "None", "true", "1e5", "1.0", "1.50", "-3", "0x1F"),
    *("2024-01-01", "2024-02-01", "12:30", "1/2/2021", "20240101", "1704067200", "2021", "inf"),
    *("a b", "Zürich", "東京", "São Paulo", "é", "it's", 'say "x"', "a,b", "a;b", "a\tb", "a.1"),
    *("id", "value", "t", "T", "station", "location", "x", "0", "1", "#1", "Unnamed: 0", "index"),
    *("year", "month", "day", "hour", "target", "start", "time", "date", "Id", "ID", "node", "-"),
    *("400001", "400002", "400003", "+5", "1_000", "1,5", "5%", "N/A", "", "count", "_x", "row"),
)
# Whose meaning nothing can tell from that of something else.
_NEVER = ("", "Unnamed: 0")


def _plain_ids(seed: int) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    kind, first = rng.integers(0, 6), int(rng.integers(0, 900))
    made = [
        [f"s{i:02d}" for i in range(12)],
        [str(400_000 + first + 7 * i) for i in range(12)],
        [f"{first + i:05d}" for i in range(12)],
        [f"Ort {i} ü" for i in range(12)],
        [str(i) for i in range(12)],
        [str(i) for i in rng.permutation(12)],
    ]
    return tuple(made[kind])


@st.composite
def truths(draw: Any, longest: int = 60, hard_ids: bool = True) -> Truth:
    """A series without text that cannot be told from something else, mostly."""
    step = draw(st.sampled_from(STEPS))
    steps = draw(st.integers(3, longest))
    locations = draw(st.integers(1, 12))
    features = draw(st.sampled_from((1, 1, 2, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ids = list(draw(PLAIN_IDS)[:locations])
    if hard_ids and draw(st.booleans()):
        chosen = st.lists(st.sampled_from(HARD), min_size=1, max_size=locations, unique=True)
        hard = [name for name in draw(chosen) if name not in _NEVER]
        ids = list(dict.fromkeys([*hard, *ids]))[:locations]
    names = [("speed",), ("flow", "speed"), ("pm25", "no2", "température")][features - 1]
    values = _values(rng, draw(st.integers(0, 7)), (steps, len(ids), features))
    # What never changes at a location describes it in a long table.
    values[-1] += (values == values[0]).all(axis=0)
    if draw(st.booleans()):
        lost = rng.random(values.shape) < draw(st.sampled_from((0.02, 0.2, 0.5)))
        lost[0] = lost[:, 0] = False  # every step, location and feature is observed once
        lost[rng.integers(0, steps), :] = False
        values[lost] = np.nan
    start = pd.Timestamp("1975-01-01") + pd.Timedelta(int(rng.integers(0, 30_000)), "D")
    start = start.replace(day=1) if step == "MS" else start
    if step not in ("1D", "7D", "MS") and draw(st.booleans()):
        start += pd.Timedelta(int(rng.integers(0, 24)), "h")
    times = full_times(start, steps, step)
    if draw(st.integers(0, 3)) == 0:
        kept = rng.random(steps) < 0.85
        kept[[0, 1, 2, -1]] = True
        times, values = times[kept], values[kept]
    return Truth(times, tuple(ids), tuple(names), values, step)


def _values(rng: np.random.Generator, kind: int, shape: tuple[int, ...]) -> np.ndarray:
    """Readings of many looks, each a float32 that few digits tell."""
    made: Any = [
        lambda: rng.normal(50, 15, shape).round(2),
        lambda: rng.integers(0, 900, shape),
        lambda: rng.integers(0, 2, shape),
        lambda: rng.normal(0, 1e-3, shape).round(6),
        lambda: rng.integers(1_600_000_000, 1_700_000_000, shape),  # like seconds since 1970
        lambda: rng.integers(-5_000, 5_000, shape) / 4,
        lambda: np.cumsum(rng.integers(0, 3, shape), axis=0),
        lambda: rng.integers(1990, 2030, shape),  # like years
    ]
    values = np.asarray(made[kind](), np.float64).astype(np.float32)
    values[values == -999] = -998  # which files write for a missing reading
    return values


def check(series: Any, truth: Truth) -> None:
    """What was read is what is true, at whatever order of locations."""
    assert set(series.location_ids) == set(truth.ids), (series.location_ids, truth.ids)
    if truth.named:
        assert set(series.feature_names) == set(truth.features), series.feature_names
        kinds = [series.feature_names.index(name) for name in truth.features]
    else:
        assert series.num_features == len(truth.features), series.feature_names
        kinds = list(range(series.num_features))
    places = [series.location_ids.index(name) for name in truth.ids]
    read = series.values[:, places][:, :, kinds]
    if truth.kept_times:
        assert series.times is not None, "the times were lost"
        rows = np.searchsorted(series.times, truth.times)
        assert (rows < len(series.times)).all(), (series.times[:3], truth.times[:3])
        found = series.times[rows]
        assert (found == truth.times).all(), (found[:3], truth.times[:3])
        between = np.setdiff1d(np.arange(series.num_steps), rows)
        assert np.isnan(read[between]).all(), "rows that the file does not have"
        read = read[rows]
    assert read.shape == truth.values.shape, (read.shape, truth.values.shape)
    np.testing.assert_allclose(read, truth.values, rtol=2e-6, atol=truth.off, equal_nan=True)
