"""How a source was read, kept with the series, so that a wrong reading is seen at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

READING = "reading"
"""Attribute of a series: plain data by name, e.g. ``{"layout": "long", "time_column": "ds"}``."""


def reading(**facts: Any) -> dict[str, Any]:
    """The attribute; facts that are None are left out."""
    return {READING: {name: value for name, value in facts.items() if value is not None}}


def with_facts(attributes: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Attributes of a series with further facts of its reading; those that are there stay."""
    known = attributes.get(READING, {})
    more = {name: v for name, v in reading(**facts)[READING].items() if name not in known}
    return {**attributes, READING: {**known, **more}}
