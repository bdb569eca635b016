"""Progress for people: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger("stemdist_ray")


class Reporter(Protocol):
    """What long work tells the person who waits for it."""

    def begin(self, what: str, total: int) -> None:
        """Start a piece of work of ``total`` units."""

    def advance(self, units: int = 1) -> None:
        """Finish some units of it."""

    def say(self, text: str) -> None:
        """Print one line."""


class SilentReporter:
    """Says nothing; the default of the Python interface."""

    def begin(self, what: str, total: int) -> None:
        """Do nothing."""

    def advance(self, units: int = 1) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Log the line at level INFO."""
        logger.info("%s", text)


class LineReporter:
    """Plain lines, one per event, for pipes and job logs.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def begin(self, what: str, total: int) -> None:
        """Do nothing: the line that closes the work is enough in a log."""

    def advance(self, units: int = 1) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)


class BarReporter:
    """A progress bar with lines above it, for terminals.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self.progress.add_task("", visible=False)

    def begin(self, what: str, total: int) -> None:
        """Show a fresh bar."""
        self.progress.reset(self._task, description=what, total=total, visible=True)

    def advance(self, units: int = 1) -> None:
        """Move the bar."""
        self.progress.advance(self._task, units)

    def say(self, text: str) -> None:
        """Print one line above the bar."""
        self.progress.console.print(text, highlight=False, soft_wrap=True, markup=False)


def output_console() -> Console:
    """The console of a command; a pipe has no width of its own, and no table should be cut."""
    return Console(width=None if sys.stdout.isatty() else 120)


@contextmanager
def console_reporter(console: Console) -> Iterator[Reporter]:
    """Yield the reporter that suits a console."""
    if not console.is_terminal:
        yield LineReporter(console)
        return
    reporter = BarReporter(console)
    with reporter.progress:
        yield reporter
