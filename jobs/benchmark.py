"""Measure what distilling costs on this machine.

python jobs/benchmark.py kernels --json kernels.json
python jobs/benchmark.py round --json round.json
python jobs/benchmark.py step --windows 60 --windows 960 --json step.json
python jobs/benchmark.py clustering --year --json clustering.json
python jobs/benchmark.py base --json base.json
python jobs/benchmark.py driver --json driver.json
python jobs/benchmark.py scale --json scale.json
python jobs/benchmark.py stream --json stream.json
python jobs/benchmark.py tracking --json tracking.json
python jobs/benchmark.py memory DIR SOURCE --json memory.json
python jobs/benchmark.py datasets --data DIR
python jobs/benchmark.py variants ablation --data DIR --only metr_la
python jobs/benchmark.py methods --config jobs/configs/benchmark-demo.yaml --out runs/methods
python jobs/benchmark.py claims
python jobs/benchmark.py tables

Every figure is a ratio or a median of one run. The plain reference implementations that the fast
code is held against live in tests/, so this runs from a checkout.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

# The package and the reference in tests/ are found without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jobs.benchmarks.parser import RESULTS, parser
from stemdist_ray.cli.exits import exit_codes, prepare_process

REFERENCE = "tests.reference.mtgnn:plain_twin"


def main() -> None:
    """Parse, measure, print, write."""
    prepare_process()
    with exit_codes():
        args = parser(__doc__).parse_args()
        _COMMANDS[args.command](args)


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


def _step(args: argparse.Namespace) -> None:
    from jobs.benchmarks.matching_step import run_step_command

    run_step_command(
        windows=args.windows or [42],
        locations=args.locations,
        settings=args.settings,
        device=args.device,
        repeats=args.repeats,
        json_file=args.json,
        command=_command_line(),
    )


def _memory(args: argparse.Namespace) -> None:
    from jobs.benchmarks.train_memory import run_memory_command

    run_memory_command(
        folder=args.folder,
        source=args.source,
        forecasters=args.forecaster,
        json_file=args.json,
        command=_command_line(),
    )


def _clustering(args: argparse.Namespace) -> None:
    from jobs.benchmarks.command import run_clustering_command

    run_clustering_command(year=args.year, json_file=args.json, command=_command_line())


def _base(args: argparse.Namespace) -> None:
    from jobs.benchmarks.dataset_command import run_base_command

    run_base_command(source=args.source, json_file=args.json, command=_command_line())


def _driver(args: argparse.Namespace) -> None:
    from jobs.benchmarks.dataset_command import run_driver_command

    run_driver_command(
        source=args.source,
        workers=args.workers,
        rounds=args.rounds,
        all_forecasters=args.all_forecasters,
        json_file=args.json,
        command=_command_line(),
    )


def _scale(args: argparse.Namespace) -> None:
    from jobs.benchmarks.scale import ScaleCase
    from jobs.benchmarks.scale_command import run_scale_command, run_shards_command

    if args.shards is not None:
        run_shards_command(
            source=args.source,
            shards=args.shards,
            workers=max(args.workers or [2]),
            rounds=3 if args.rounds is None else args.rounds,
            json_file=args.json,
            command=_command_line(),
        )
        return
    usual = ScaleCase()
    case = ScaleCase(
        locations=args.locations,
        steps=args.steps,
        workers=tuple(args.workers or usual.workers),
        machines=usual.machines if args.machines is None else tuple(args.machines),
        whole=None if args.no_whole else usual.whole,
        rounds=usual.rounds if args.rounds is None else args.rounds,
        network_bytes_per_second=args.network * 1e9 / 8,
    )
    run_scale_command(case, json_file=args.json, command=_command_line())


def _stream(args: argparse.Namespace) -> None:
    from jobs.benchmarks.stream import StreamCase, run_stream_command

    case = StreamCase(args.locations, args.steps, args.workers, tuple(args.settings))
    run_stream_command(case, json_file=args.json, command=_command_line())


def _tracking(args: argparse.Namespace) -> None:
    from jobs.benchmarks.tracking import run_tracking_command

    run_tracking_command(
        source=args.source,
        rounds=args.rounds,
        repeats=args.repeats,
        json_file=args.json,
        command=_command_line(),
    )


def _methods(args: argparse.Namespace) -> None:
    from jobs.benchmarks.methods_command import run_methods_command

    run_methods_command(
        config_file=args.config,
        out=args.out,
        workers=args.workers,
        tracking=not args.no_track,
        command=_command_line(),
        publish=args.publish,
        folder=args.data,
    )


def _claims(args: argparse.Namespace) -> None:
    from jobs.benchmarks.claims_page import write_claims

    del args
    found = [
        sorted(RESULTS.glob(name)) for name in ("methods-*.parquet", "rank-*.json", "memory-*.json")
    ]
    write_claims(RESULTS / "README.md", *found)
    print(f"wrote {RESULTS / 'README.md'}")


def _datasets(args: argparse.Namespace) -> None:
    from jobs.benchmarks.dataset_command import run_datasets_command

    run_datasets_command(
        folder=args.data,
        only=args.only,
        seeds=args.seeds,
        full_data=args.full_data,
        settings=args.settings,
        out=args.out,
        command=_command_line(),
    )


def _variants(args: argparse.Namespace) -> None:
    from jobs.benchmarks.dataset_command import run_variants_command

    run_variants_command(
        name=args.set, folder=args.data, only=args.only, out=args.out, command=_command_line()
    )


def _tables(args: argparse.Namespace) -> None:
    from jobs.benchmarks.dataset_command import run_tables_command

    run_tables_command(RESULTS, Path("jobs/README.md"))


def _command_line() -> str:
    from stemdist_ray.system.environment import command_line

    return f"python jobs/{command_line()}"


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "kernels": _kernels,
    "round": _round,
    "step": _step,
    "clustering": _clustering,
    "base": _base,
    "driver": _driver,
    "scale": _scale,
    "stream": _stream,
    "memory": _memory,
    "tracking": _tracking,
    "datasets": _datasets,
    "variants": _variants,
    "methods": _methods,
    "claims": _claims,
    "tables": _tables,
}


if __name__ == "__main__":
    main()
