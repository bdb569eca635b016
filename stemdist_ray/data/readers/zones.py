"""Times as clocks of a place show them, in UTC: steps of a series are equally long all year."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.errors import DataError

Stamps = npt.NDArray[np.datetime64]


def of_local_clocks(
    stamps: Stamps,
    in_utc: bool,
    zone: str,
    places: npt.NDArray[np.int64] | None,
    where: str,
) -> Stamps:
    """Times that clocks of a zone show, in UTC.

    When clocks are put back an hour comes twice: in the order of the rows, the first is that of
    summer time.

    Args:
        stamps: (T,) what the clocks show.
        in_utc: They say themselves how far they are from UTC.
        zone: Name of the zone.
        places: (T,) whose time it is; None = all are of one clock.
        where: For messages.

    Raises:
        DataError: The zone is unknown, a time does not exist there, or which one is meant is open.
    """
    if in_utc:
        raise DataError(
            f"{where}: the times count from UTC themselves; leave data.read.timezone out"
        )
    shown = pd.DatetimeIndex(stamps)
    try:
        late = np.zeros(len(shown), bool)
        known = shown.tz_localize(zone, ambiguous=late, nonexistent="NaT")
        single = shown.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    except (LookupError, ValueError, OSError) as error:
        raise DataError(
            f"{where}: data.read.timezone: unknown time zone {zone!r}; expected a name such as "
            "Europe/Paris (where no zone is known: pip install tzdata)"
        ) from error
    if known.hasnans:
        row = int(np.flatnonzero(known.isna())[0])
        raise DataError(
            f"{where}, data row {row + 1}: clocks in {zone} never show {shown[row]}; leave "
            "data.read.timezone out if the times are not of these clocks"
        )
    rows = np.flatnonzero(single.isna())
    if not len(rows):
        return _in_utc(known)
    whose = np.zeros(len(shown), np.int64) if places is None else places
    pairs = pd.DataFrame({"time": shown[rows], "place": whose[rows]}).groupby(["time", "place"])
    count = pairs["time"].transform("size").to_numpy()
    if (count != 2).any():
        row = int(rows[np.flatnonzero(count != 2)[0]])
        raise DataError(
            f"{where}, data row {row + 1}: clocks in {zone} show {shown[row]} twice and it comes "
            f"{int(count[count != 2][0])} times; expected both. Write the times with their offset "
            "from UTC"
        )
    summer = np.zeros(len(shown), bool)
    summer[rows] = pairs.cumcount().to_numpy() == 0
    return _in_utc(shown.tz_localize(zone, ambiguous=summer))


def _in_utc(stamps: pd.DatetimeIndex) -> Stamps:
    return np.asarray(stamps.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[ns]"))
