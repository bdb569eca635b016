"""What workers log: carried to the driver with their signs of life, and said there.

Ray can forward what its processes print, but for all of a cluster or not at all, and with all that
Ray and other packages print. Here records of logging and Python's warnings travel as data: a
worker keeps the last ones with their numbers, the driver asks for those that it has not read.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

_KEPT, _LONGEST = 200, 2000  # records that a worker keeps, characters of each
_REMEMBERED = 1000  # texts that are not said again
_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class Word:
    """A record of a worker's log.

    Args:
        number: Counts the records of a process, from 0.
        level: As in :mod:`logging`.
        logger: Its name; "py.warnings" for Python's warnings.
        text: The message, in a line.
    """

    number: int
    level: int
    logger: str
    text: str


class Notebook(logging.Handler):
    """Keeps the last records of a process.

    Args:
        most: How many.
    """

    def __init__(self, most: int = _KEPT) -> None:
        super().__init__()
        self._words: deque[Word] = deque(maxlen=most)
        self._count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; logging calls it, one thread at a time."""
        own = record.name.partition(".")[0] == _PACKAGE
        if not own and record.levelno < logging.WARNING:
            return
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit must not end a task
            text = str(record.msg)
        if record.name == "py.warnings":
            text = text.strip().partition("\n")[0]  # the line of code is of no use elsewhere
        line = " ".join(text.split())[:_LONGEST]
        self._words.append(Word(self._count, record.levelno, record.name, line))
        self._count += 1

    def after(self, read: int) -> tuple[Word, ...]:
        """The records from number ``read`` on that are still there."""
        self.acquire()
        try:
            return tuple(word for word in self._words if word.number >= read)
        finally:
            self.release()


def take_notes(level: int) -> Notebook:
    """Keep what this process logs from now on, and Python's warnings.

    Args:
        level: From which this package logs; other packages do from WARNING on.
    """
    notebook = Notebook()
    notebook.setLevel(min(level, logging.WARNING))
    logging.captureWarnings(True)
    logging.getLogger().addHandler(notebook)
    logging.getLogger(_PACKAGE).setLevel(level)
    return notebook


def level_here() -> int:
    """From which level on this process logs what this package says."""
    return logging.getLogger(_PACKAGE).getEffectiveLevel()


class Repeater:
    """Says in the driver's log what workers have logged; what many say is said once."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], None] = {}

    def repeat(self, who: str, words: Sequence[Word]) -> None:
        """Log some records as this process's own.

        Args:
            who: The worker.
            words: What it logged.
        """
        for word in words:
            key = word.logger, word.text
            if key in self._said:
                continue
            if len(self._said) >= _REMEMBERED:
                del self._said[next(iter(self._said))]
            self._said[key] = None
            logging.getLogger(word.logger).log(word.level, "%s: %s", who, word.text)
