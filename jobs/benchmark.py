"""Measure what distilling costs on this machine.

python jobs/benchmark.py kernels --json kernels.json
python jobs/benchmark.py round --json round.json
python jobs/benchmark.py clustering --year --json clustering.json

Every figure is a ratio or a median of one run. The plain reference implementations that the fast
code is held against live in tests/, so this runs from a checkout.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# The package and the reference in tests/ are found without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stemdist_ray.cli.exits import exit_codes, prepare_process

REFERENCE = "tests.reference.mtgnn:plain_twin"


def main() -> None:
    """Parse, measure, print, write."""
    prepare_process()
    with exit_codes():
        args = _parse()
        args.run(args)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    kernels = commands.add_parser("kernels", help="training step, double backward, evaluation")
    kernels.set_defaults(run=_kernels)
    kernels.add_argument("--repeats", type=int, default=5, help="turns per case (default 5)")
    kernels.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    kernels.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    kernels.add_argument(
        "--only", help="measure only cases whose name contains this text, e.g. 42x40"
    )
    kernels.add_argument(
        "--profile", action="store_true", help="also tell which operators the time goes to"
    )
    one_round = commands.add_parser("round", help="one round of distilling 2,352 locations")
    one_round.set_defaults(run=_round)
    one_round.add_argument("--repeats", type=int, default=3, help="turns (default 3)")
    one_round.add_argument("--source", help="distil this instead of 2,352 simulated locations")
    clustering = commands.add_parser("clustering", help="raw series against flattened windows")
    clustering.set_defaults(run=_clustering)
    clustering.add_argument(
        "--year", action="store_true", help="also 8,600 locations x 35,040 steps (4 GiB, minutes)"
    )
    for command in (kernels, one_round, clustering):
        command.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def _kernels(args: argparse.Namespace) -> None:
    from jobs.benchmarks.command import run_kernels_command

    run_kernels_command(
        reference=REFERENCE,
        only=args.only,
        repeats=args.repeats,
        threads=args.threads,
        device=args.device,
        json_file=args.json,
        command=_command_line(),
        profile=args.profile,
    )


def _round(args: argparse.Namespace) -> None:
    from jobs.benchmarks.command import run_round_command

    run_round_command(
        reference=REFERENCE,
        source=args.source,
        repeats=args.repeats,
        json_file=args.json,
        command=_command_line(),
    )


def _clustering(args: argparse.Namespace) -> None:
    from jobs.benchmarks.command import run_clustering_command

    run_clustering_command(year=args.year, json_file=args.json, command=_command_line())


def _command_line() -> str:
    return " ".join(["python", "jobs/benchmark.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
