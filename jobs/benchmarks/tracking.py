"""What a tracking server that is dead, or never answers, costs a run: the same run, in turns."""

from __future__ import annotations

import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.timing import seconds
from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.data.prepared import PreparedSource, prepare_source
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import distill
from stemdist_ray.progress import Reporter, console_reporter, output_console

SOURCE = "sim:traffic?locations=120,steps=2000"


@dataclass(frozen=True)
class TrackingResult:
    """Seconds of whole runs, medians over turns.

    Args:
        source: What was distilled.
        untracked: Without tracking.
        dead: With a server where nobody listens.
        silent: With one that takes connections and never answers.
        dead_ratio: Median over turns of dead / untracked.
        silent_ratio: Median over turns of silent / untracked.
    """

    source: str
    untracked: float
    dead: float
    silent: float
    dead_ratio: float
    silent_ratio: float


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

    Args:
        source: What is distilled, in this process.
        rounds: Of each run; every one is told to the server.
        repeats: Turns, after one that warms up.
        reporter: Is moved with every run.
    """
    prepared = prepare_source(source, _config(rounds, None).data)
    turns = []
    with servers() as uris, tempfile.TemporaryDirectory() as folder:
        ways = (None, *uris)
        reporter.begin("runs", (repeats + 1) * len(ways))
        for turn in range(repeats + 1):
            turns.append(
                [_timed(prepared, Path(folder) / f"{turn} {n}", rounds, ways[n], reporter)
                 for n in range(len(ways))]
            )  # fmt: skip
    kept = turns[1:]
    untracked, dead, silent = (statistics.median(way) for way in zip(*kept, strict=True))
    return TrackingResult(
        source=source,
        untracked=untracked,
        dead=dead,
        silent=silent,
        dead_ratio=statistics.median(turn[1] / turn[0] for turn in kept),
        silent_ratio=statistics.median(turn[2] / turn[0] for turn in kept),
    )


def _config(rounds: int, uri: str | None) -> DistillConfig:
    tracking = {"enabled": uri is not None, "uri": uri}
    layer = {"rounds": rounds, "worker": {"num_workers": 0}, "tracking": tracking}
    return build_config("demo", layer)


def _timed(
    source: PreparedSource, out: Path, rounds: int, uri: str | None, reporter: Reporter
) -> float:
    config = _config(rounds, uri)
    taken = seconds(lambda: distill(source, out, config))
    reporter.advance()
    return taken


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
        ConfigError: A number is below 1.
    """
    if rounds < 1 or repeats < 1:
        raise ConfigError(
            f"--rounds and --repeats take numbers from 1; found {rounds} and {repeats}"
        )
    console = output_console()
    with console_reporter(console) as reporter:
        result = run_tracking(source or SOURCE, rounds, repeats, reporter)
    console.print(
        f"{result.source}, {rounds} rounds: {result.untracked:.2f} s without tracking; with a dead "
        f"server {result.dead:.2f} s (ratio {result.dead_ratio:.3f}), with a silent one "
        f"{result.silent:.2f} s (ratio {result.silent_ratio:.3f})"
    )
    write_figures(json_file, command, asdict(result), console)
