"""Tables in Markdown, of which every page of results is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as lines of Markdown (GitHub's kind).

    Args:
        head: Names of the columns.
        rows: Texts of the cells; short rows are filled up with empty cells.
    """
    wide = len(head)
    filled = ([*row, *[""] * (wide - len(row))] for row in rows)
    return [_line(head), "|---" * wide + "|", *map(_line, filled)]


def _line(cells: Sequence[str]) -> str:
    # A bar would begin another cell, even between backticks.
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
