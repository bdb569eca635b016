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
from pathlib import Path

# The package and the reference in tests/ are found without being installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stemdist_ray.cli.exits import exit_codes, prepare_process

REFERENCE = "tests.reference.mtgnn:plain_twin"
RESULTS = Path("jobs/results")


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
    step = commands.add_parser("step", help="one matching step: operators, waits, memory")
    step.set_defaults(run=_step)
    step.add_argument("--windows", type=int, action="append", help="repeatable (default 42)")
    step.add_argument("--locations", type=int, default=160, help="(default 160)")
    step.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    step.add_argument("--repeats", type=int, default=5, help="steps that are timed (default 5)")
    step.add_argument(
        "--set", action="append", default=[], dest="settings", help="NAME=VALUE, may be repeated"
    )
    clustering = commands.add_parser("clustering", help="raw series against flattened windows")
    clustering.set_defaults(run=_clustering)
    clustering.add_argument(
        "--year", action="store_true", help="also 8,600 locations x 35,040 steps (4 GiB, minutes)"
    )
    base = commands.add_parser("base", help="the linear base of 8,600 locations x 2,000 steps")
    base.set_defaults(run=_base)
    base.add_argument("--source", help="fit the base of this instead")
    driver = commands.add_parser("driver", help="what the driver does itself, beside its workers")
    driver.set_defaults(run=_driver)
    driver.add_argument("--source", help="distil and evaluate this instead of simulated traffic")
    driver.add_argument("--workers", type=int, default=2, help="workers (default 2)")
    driver.add_argument("--rounds", type=int, default=2, help="rounds (default 2)")
    driver.add_argument(
        "--all", action="store_true", dest="all_forecasters", help="also evaluate all forecasters"
    )
    _add_scale(commands)
    stream = commands.add_parser("stream", help="a series of 4 GB, read block by block")
    stream.set_defaults(run=_stream)
    stream.add_argument("--locations", type=int, default=10_000, help="(default 10000)")
    stream.add_argument("--steps", type=int, default=100_000, help="(default 100000)")
    stream.add_argument("--workers", type=int, default=2, help="workers (default 2)")
    stream.add_argument(
        "--set", action="append", default=[], dest="settings", help="NAME=VALUE, may be repeated"
    )
    memory = commands.add_parser("memory", help="of training, on distilled and on all data")
    memory.set_defaults(run=_memory)
    memory.add_argument("folder", type=Path, metavar="DIR", help="a distilled data set")
    memory.add_argument("source", metavar="SOURCE", help="what it was distilled from")
    memory.add_argument("--forecaster", action="append", help="this one; may be repeated")
    tracking = commands.add_parser("tracking", help="what a tracking server that is away costs")
    tracking.set_defaults(run=_tracking)
    tracking.add_argument("--source", help="distil this instead of 120 simulated locations")
    tracking.add_argument("--rounds", type=int, default=6, help="of each run (default 6)")
    tracking.add_argument("--repeats", type=int, default=5, help="turns (default 5)")
    datasets = commands.add_parser("datasets", help="distil and evaluate public data sets")
    datasets.set_defaults(run=_datasets)
    datasets.add_argument("--data", type=Path, required=True, help="folder of the data files")
    datasets.add_argument("--only", action="append", help="this one; may be repeated")
    datasets.add_argument("--seeds", type=int, default=2, help="distillations each (default 2)")
    datasets.add_argument("--full-data", action="store_true", help="also train on all data")
    datasets.add_argument(
        "--set", action="append", default=[], dest="settings", help="NAME=VALUE, may be repeated"
    )
    datasets.add_argument("--out", type=Path, default=RESULTS, help=f"folder (default {RESULTS})")
    variants = commands.add_parser("variants", help="one setting changed at a time")
    variants.set_defaults(run=_variants)
    variants.add_argument("set", choices=("ablation", "balance"), help="what is changed")
    variants.add_argument("--data", type=Path, required=True, help="folder of the data files")
    variants.add_argument("--only", action="append", required=True, help="data set; repeatable")
    variants.add_argument("--out", type=Path, default=RESULTS, help=f"folder (default {RESULTS})")
    methods = commands.add_parser("methods", help="all methods on data sets, under one protocol")
    methods.set_defaults(run=_methods)
    methods.add_argument("--config", type=Path, required=True, help="YAML file of what to compare")
    methods.add_argument("--out", type=Path, required=True, help="folder; known cells are kept")
    methods.add_argument("--workers", type=int, default=0, help="processes (default 0: this one)")
    methods.add_argument("--no-track", action="store_true", help="leave MLflow out")
    methods.add_argument("--data", type=Path, help="folder that relative sources count from")
    methods.add_argument("--publish", help=f"also write tables to {RESULTS} under this name")
    claims = commands.add_parser("claims", help=f"make {RESULTS}/README.md of published tables")
    claims.set_defaults(run=_claims)
    tables = commands.add_parser("tables", help="make the tables of jobs/README.md anew")
    tables.set_defaults(run=_tables)
    timed = (kernels, one_round, step, clustering, base, driver, stream, tracking, memory)
    for command in timed:
        command.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def _add_scale(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    scale = commands.add_parser("scale", help="a model of runs on more workers than there are")
    scale.set_defaults(run=_scale)
    scale.add_argument("--locations", type=int, default=300, help="of the smallest run (300)")
    scale.add_argument("--steps", type=int, default=3000, help="of the shortest run (3000)")
    scale.add_argument("--workers", type=int, nargs="+", help="held out (default 1 2 4 8)")
    scale.add_argument("--machines", type=int, nargs="*", help="simulated nodes (default 2 4)")
    scale.add_argument("--no-whole", action="store_true", help="leave out the whole distill")
    scale.add_argument("--rounds", type=int, help="predicted (default 10), or measured (3)")
    scale.add_argument(
        "--network", type=float, default=100.0, help="of a predicted machine, Gbit/s (default 100)"
    )
    scale.add_argument(
        "--shards", type=int, nargs="*", help="measure rounds by shards instead (4 16 64)"
    )
    scale.add_argument("--source", help="with --shards: distil this instead of simulated traffic")
    scale.add_argument("--json", type=Path, help="also write the figures to this file")


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
    return " ".join(["python", "jobs/benchmark.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
