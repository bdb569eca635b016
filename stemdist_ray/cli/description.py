"""What ``stemdist describe`` prints of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stemdist_ray.data.describe import SourceDescription

_SHOWN = 6  # entries of a list


def description_lines(
    about: SourceDescription,
    statistics: Sequence[Mapping[str, float]],
    season: Mapping[str, Any],
    warnings: Sequence[str] = (),
) -> list[str]:
    """The text of ``stemdist describe``.

    Args:
        about: The source.
        statistics: Per feature, see :func:`stemdist_ray.data.statistics.series_statistics`.
        season: See :func:`stemdist_ray.data.season.describe_season`.
        warnings: What looks wrong, a line each.
    """
    seconds = about.sampling_seconds
    step = "unknown" if seconds is None else _duration(seconds)
    span = "no time stamps"
    if about.first_time is not None and about.last_time is not None:
        span = f"{_short(about.first_time)} to {_short(about.last_time)}"
    lines = [
        f"source        {about.source} ({about.format})",
        *([f"read as       {_reading(about.reading)}"] if about.reading else []),
        f"size          {about.steps} steps x {about.locations} locations x "
        f"{len(about.features)} features",
        f"time          {span}, step {step}",
        f"coordinates   {'yes' if about.has_coordinates else 'no'}",
        f"missing       {100 * about.missing_share:.2f} %",
        f"season        {_season(season)}",
        f"hash          {about.hash}",
    ]
    for name, unit, numbers in zip(about.features, about.units, statistics, strict=True):
        label = f"{name} ({unit})" if unit else name
        lines.append(
            f"feature       {label}: mean {numbers['mean']:.4g}, std {numbers['std']:.4g}, "
            f"min {numbers['min']:.4g}, max {numbers['max']:.4g}, "
            f"zeros {100 * numbers['zero_share']:.1f} %"
        )
    if about.missing_rows:
        lines.append(f"note          {about.missing_rows}")
    if any(numbers["zero_share"] > 0.01 for numbers in statistics):
        lines.append(
            "note          zeros count as readings; if they mean missing: --missing-value 0"
        )
    lines += [f"warning       {text}" for text in warnings]
    return lines


def _reading(reading: Mapping[str, Any]) -> str:
    """How a source was read, so that a wrong reading is seen at once."""
    layout = reading.get("layout", "series")
    facts = []
    for name, value in reading.items():
        if name == "layout":
            continue
        shown = ", ".join(map(str, value[:_SHOWN])) if isinstance(value, list) else str(value)
        if isinstance(value, list) and len(value) > _SHOWN:
            shown += f", ... ({len(value)})"
        if isinstance(value, dict):
            shown = ", ".join(f"{key}={inner}" for key, inner in value.items())
        facts.append(f"{name.replace('_', ' ')} {shown}")
    return f"{layout}; {', '.join(facts)}" if facts else str(layout)


def _season(season: Mapping[str, Any]) -> str:
    """What is taken for the season, and what the readings suggest."""
    known = "none" if season["unit"] == "none" else f"{season['slots']} steps a {season['unit']}"
    found = season["proposed_period"]
    if found is None:
        return f"{known}; none found in the autocorrelation"
    text = f"a period of {found} steps in the autocorrelation ({season['autocorrelation']:.2f})"
    if season["unit"] == "none":
        return f"{known} known; {text}: --season {found}"
    return f"{known}; {text}"


def _short(time: str) -> str:
    return time.split(".")[0].replace("T", " ")


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
