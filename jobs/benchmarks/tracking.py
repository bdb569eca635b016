"""What a tracking server that is dead, or never answers, costs a run: the same run, in turns."""

from __future__ import annotations

import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.intervals import mean_and_interval
from jobs.benchmarks.timing import seconds
from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.data.prepared import PreparedSource, prepare_source
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import distill
from stemdist_ray.progress import Reporter, console_reporter, output_console

SOURCE = "sim:traffic?locations=120,steps=2000"


DELIVERING = "tracking"  # name of the thread that delivers
WAYS = ("untracked", "dead", "silent")


@dataclass(frozen=True)
class WayResult:
    """What whole runs of one way took.

    Args:
        seconds: Median over turns.
        cpu_seconds: Of all threads of the process, median over turns.
        ratio: Mean over turns of seconds / seconds of the untracked run of the same turn.
        ratio_interval: 95 % interval of that mean (Student's t).
        cpu_ratio: The same of the CPU seconds, which other work on the machine changes less.
        cpu_ratio_interval: 95 % interval of that mean.
        waiting: Seconds in which the process did not compute (seconds - CPU seconds), mean.
        delivering: CPU seconds of the threads that deliver, mean.
    """

    seconds: float
    cpu_seconds: float
    ratio: float
    ratio_interval: tuple[float, float]
    cpu_ratio: float
    cpu_ratio_interval: tuple[float, float]
    waiting: float
    delivering: float


@dataclass(frozen=True)
class Taken:
    """What one run took.

    Args:
        seconds: Wall time.
        cpu: CPU time of all threads.
        delivering: That of the threads that deliver.
    """

    seconds: float
    cpu: float
    delivering: float


@dataclass(frozen=True)
class TrackingResult:
    """Runs without tracking, with a server where nobody listens, and with one that never answers.

    Args:
        source: What was distilled.
        rounds: Of each run.
        turns: How often each way was run; each turn begins with another way.
        ways: By name, see ``WAYS``.
        taken: By every run, by way, in the order of the turns.
    """

    source: str
    rounds: int
    turns: int
    ways: dict[str, WayResult]
    taken: dict[str, list[Taken]]


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """The addresses of a dead and of a silent server."""
    with socket.socket() as silent, socket.socket() as dead:
        for one in (silent, dead):
            one.bind(("127.0.0.1", 0))
        silent.listen(64)  # the kernel takes connections, nobody reads them
        yield tuple(f"http://127.0.0.1:{s.getsockname()[1]}" for s in (dead, silent))  # type: ignore[misc]


def run_tracking(source: str, rounds: int, repeats: int, reporter: Reporter) -> TrackingResult:
    """Distil in turns without tracking, with a dead server and with a silent one.

    The first run of a turn may find the machine in another mood than the last one, so every turn
    begins with another way.

    Args:
        source: What is distilled, in this process.
        rounds: Of each run; every one is told to the server.
        repeats: Turns, after one of a round each that warms up.
        reporter: Is moved with every run.
    """
    prepared = prepare_source(source, _config(rounds, None).data)
    taken: dict[str, list[Taken]] = {way: [] for way in WAYS}
    with servers() as (dead, silent), tempfile.TemporaryDirectory() as folder:
        uris = {"untracked": None, "dead": dead, "silent": silent}
        reporter.begin("runs", (repeats + 1) * len(WAYS))
        for way in WAYS:
            _timed(prepared, Path(folder) / f"warm {way}", 1, uris[way], reporter)
        for turn in range(repeats):
            for way in in_turn(turn):
                out = Path(folder) / f"{turn} {way}"
                taken[way].append(_timed(prepared, out, rounds, uris[way], reporter))
    ways = {way: _way_result(taken[way], taken["untracked"]) for way in WAYS}
    return TrackingResult(source, rounds, repeats, ways, taken)


def in_turn(turn: int) -> tuple[str, ...]:
    """The ways in the order of a turn."""
    first = turn % len(WAYS)
    return WAYS[first:] + WAYS[:first]


def _way_result(taken: list[Taken], untracked: list[Taken]) -> WayResult:
    pairs = list(zip(taken, untracked, strict=True))
    wall, wall_interval = mean_and_interval([a.seconds / b.seconds for a, b in pairs])
    cpu, cpu_interval = mean_and_interval([a.cpu / b.cpu for a, b in pairs])
    return WayResult(
        seconds=statistics.median(one.seconds for one in taken),
        cpu_seconds=statistics.median(one.cpu for one in taken),
        ratio=wall,
        ratio_interval=wall_interval,
        cpu_ratio=cpu,
        cpu_ratio_interval=cpu_interval,
        waiting=statistics.fmean(one.seconds - one.cpu for one in taken),
        delivering=statistics.fmean(one.delivering for one in taken),
    )


def _config(rounds: int, uri: str | None) -> DistillConfig:
    tracking = {"enabled": uri is not None, "uri": uri}
    layer = {"rounds": rounds, "worker": {"num_workers": 0}, "tracking": tracking}
    return build_config("demo", layer)


def _timed(
    source: PreparedSource, out: Path, rounds: int, uri: str | None, reporter: Reporter
) -> Taken:
    config = _config(rounds, uri)
    cpu, delivering = time.process_time(), _delivering()
    wall = seconds(lambda: distill(source, out, config))
    taken = Taken(wall, time.process_time() - cpu, _delivering() - delivering)
    reporter.advance()
    return taken


def _delivering() -> float:
    """CPU seconds so far of the threads that deliver, one per store; they live on."""
    clocks = [
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name == DELIVERING and thread.ident is not None
    ]
    return sum(time.clock_gettime(clock) for clock in clocks)


def run_tracking_command(
    source: str | None, rounds: int, repeats: int, json_file: Path | None, command: str
) -> None:
    """Measure what servers that are away cost and tell the result.

    Args:
        source: What is distilled, None = simulated traffic of 120 locations.
        rounds: Of each run.
        repeats: Turns.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: There are no rounds, or fewer than two turns.
    """
    if rounds < 1 or repeats < 2:
        raise ConfigError(
            f"--rounds takes numbers from 1, --repeats (turns, for an interval) from 2; found "
            f"{rounds} and {repeats}"
        )
    console = output_console()
    with console_reporter(console) as reporter:
        result = run_tracking(source or SOURCE, rounds, repeats, reporter)
    about = {"untracked": "without tracking", "dead": "dead server", "silent": "silent server"}
    console.print(f"{result.source}, {rounds} rounds, {repeats} turns:")
    for way, one in result.ways.items():
        (low, high), (cpu_low, cpu_high) = one.ratio_interval, one.cpu_ratio_interval
        console.print(
            f"{about[way]}: {one.seconds:.2f} s, ratio {one.ratio:.3f} ({low:.3f} to {high:.3f}); "
            f"CPU {one.cpu_seconds:.2f} s, ratio {one.cpu_ratio:.3f} "
            f"({cpu_low:.3f} to {cpu_high:.3f}); waiting {one.waiting:.2f} s, delivering "
            f"{one.delivering:.3f} CPU s"
        )
    write_figures(json_file, command, asdict(result), console)
