"""From errors to exit codes, the same for the command line and the job scripts."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stemdist_ray.config.secrets import redact, redact_logs
from stemdist_ray.errors import StemdistError

BAD_INPUT = 2
INTERRUPTED = 130


def prepare_process() -> None:
    """Set up logging and make SIGTERM a clean stop, as ``ray job stop`` sends it."""
    redact_logs()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def exit_codes(translate: Callable[[str], str] = str) -> Iterator[None]:
    """Turn domain errors into one line and exit code 2, interruptions into exit code 130.

    So are the machine's own: no memory, no space, no permission.

    Args:
        translate: Puts a message into the words of whoever reads it.
    """
    try:
        yield
    except StemdistError as error:
        sys.stderr.write(f"error: {redact(translate(' '.join(str(error).split())))}\n")
        raise SystemExit(BAD_INPUT) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output is gone (| head); nothing is left to say, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BAD_INPUT) from None
    except MemoryError as error:
        reason = " ".join(str(error).split()) or "an array did not fit"
        sys.stderr.write(f"error: not enough memory: {reason}; use a smaller source or machine\n")
        raise SystemExit(BAD_INPUT) from None
    except OSError as error:
        # A full disk, a folder without permission: the machine's words are the best there are.
        where = "" if error.filename is None else f"{error.filename}: "
        reason = error.strerror or " ".join(str(error).split())
        sys.stderr.write(f"error: {redact(f'{where}{reason}')}\n")
        raise SystemExit(BAD_INPUT) from None
