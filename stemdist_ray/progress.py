"""Progress for people: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
    # Names of features and units come from anybody's data: brackets in them are no markup.
    return Console(width=None if sys.stdout.isatty() else 120, markup=False)


@contextmanager
def console_reporter(console: Console) -> Iterator[Reporter]:
    """Yield the reporter that suits a console."""
    if not console.is_terminal:
        yield LineReporter(console)
        return
    reporter = BarReporter(console)
    with reporter.progress:
        yield reporter


@dataclass(frozen=True)
class Standing:
    """How far some tasks are.

    Args:
        done: Tasks finished.
        running: Tasks that somebody has.
        total: All of them.
    """

    done: int
    running: int
    total: int


class Pulse:
    """A reporter in a log that also says what is going on where nothing else was said for long.

    Args:
        inner: The reporter.
        stage: The stage that runs and its seconds, None between stages.
        every: Seconds without a line after which one is due.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        inner: Reporter,
        stage: Callable[[], tuple[str, float] | None] = lambda: None,
        every: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inner, self.stage, self.every, self.clock = inner, stage, every, clock
        self.standing: Callable[[], Standing | None] = lambda: None
        self._spoken = clock()
        self._work: tuple[str, float] | None = None  # what was begun, and when
        self._units = self._of = 0

    def begin(self, what: str, total: int) -> None:
        """See :class:`Reporter`."""
        self._work, self._units, self._of = (what, self.clock()), 0, total
        self.inner.begin(what, total)

    def advance(self, units: int = 1) -> None:
        """See :class:`Reporter`."""
        self._units += units
        self.inner.advance(units)

    def say(self, text: str) -> None:
        """See :class:`Reporter`."""
        self._spoken = self.clock()
        self.inner.say(text)

    def tick(self) -> None:
        """Say what is going on, if a line is due."""
        line = self._line()
        if line is not None and self.clock() - self._spoken >= self.every:
            self.say(line)

    def _line(self) -> str | None:
        stage, work, standing, how_far = self.stage(), self._work, self.standing(), ""
        # What was begun in the stage tells more than its name; what was begun before it is over.
        if work is not None and (stage is None or self.clock() - work[1] <= stage[1]):
            stage, how_far = (work[0], self.clock() - work[1]), f" {self._units} of {self._of},"
        if stage is None:
            return None
        if standing is not None:
            how_far = f" {standing.done} of {standing.total} tasks, {standing.running} running,"
        return f"{stage[0]}:{how_far} {stage[1]:.0f} s"


def stage_from_now(
    name: str, clock: Callable[[], float] = time.monotonic
) -> Callable[[], tuple[str, float]]:
    """The one stage of a job that has no others, for :class:`Pulse`."""
    begun = clock()
    return lambda: (name, clock() - begun)


@contextmanager
def kept_up(
    reporter: Reporter, stage: Callable[[], tuple[str, float] | None] = lambda: None
) -> Iterator[Pulse]:
    """Yield a reporter that a thread keeps speaking, where its lines go to a log.

    A bar shows by itself that work goes on, and a reporter of the user's own is not called from
    another thread.
    """
    pulse, over = Pulse(reporter, stage), threading.Event()

    def beat() -> None:
        while not over.wait(pulse.every / 12):
            with suppress(OSError, ValueError):  # nobody reads any more; the work finds out
                pulse.tick()

    if type(reporter) not in (LineReporter, SilentReporter):
        yield pulse
        return
    thread = threading.Thread(target=beat, name="progress", daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        over.set()
        thread.join()


def warnings_to(reporter: Reporter) -> Callable[[str], None] | None:
    """Who is told what would be a warning of the log: a reporter that people see, else None."""
    inner = reporter.inner if isinstance(reporter, Pulse) else reporter
    return None if type(inner) is SilentReporter else reporter.say
