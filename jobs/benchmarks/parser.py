"""The options of ``jobs/benchmark.py``, a command each."""

from __future__ import annotations

import argparse
from pathlib import Path

RESULTS = Path("jobs/results")
"""Where published results are kept, from the folder of the checkout."""

Commands = argparse._SubParsersAction  # argparse has no public name for it


def parser(description: str | None) -> argparse.ArgumentParser:
    """All commands; the name of the one that was given becomes ``command``."""
    whole = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_code(commands)
    _add_parts(commands)
    _add_runs(commands)
    _add_scale(commands)
    _add_data_sets(commands)
    _add_methods(commands)
    return whole


def _add_code(commands: Commands[argparse.ArgumentParser]) -> None:
    """What some code takes."""
    kernels = commands.add_parser("kernels", help="training step, double backward, evaluation")
    kernels.add_argument("--repeats", type=int, default=5, help="turns per case (default 5)")
    kernels.add_argument("--threads", type=int, help="torch threads (default: all cores)")
    kernels.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    kernels.add_argument(
        "--only", help="measure only cases whose name contains this text, e.g. 42x40"
    )
    kernels.add_argument(
        "--profile", action="store_true", help="also tell which operators the time goes to"
    )
    _add_json(kernels)
    one_round = commands.add_parser("round", help="one round of distilling 2,352 locations")
    one_round.add_argument("--repeats", type=int, default=3, help="turns (default 3)")
    one_round.add_argument("--source", help="distil this instead of 2,352 simulated locations")
    _add_json(one_round)
    step = commands.add_parser("step", help="one matching step: operators, waits, memory")
    step.add_argument("--windows", type=int, action="append", help="repeatable (default 42)")
    step.add_argument("--locations", type=int, default=160, help="(default 160)")
    step.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    step.add_argument("--repeats", type=int, default=5, help="steps that are timed (default 5)")
    step.add_argument(
        "--set", action="append", default=[], dest="settings", help="NAME=VALUE, may be repeated"
    )
    _add_json(step)


def _add_parts(commands: Commands[argparse.ArgumentParser]) -> None:
    """What parts of a run take."""
    clustering = commands.add_parser("clustering", help="raw series against flattened windows")
    clustering.add_argument(
        "--year", action="store_true", help="also 8,600 locations x 35,040 steps (4 GiB, minutes)"
    )
    _add_json(clustering)
    base = commands.add_parser("base", help="the linear base of 8,600 locations x 2,000 steps")
    base.add_argument("--source", help="fit the base of this instead")
    _add_json(base)
    memory = commands.add_parser("memory", help="of training, on distilled and on all data")
    memory.add_argument("folder", type=Path, metavar="DIR", help="a distilled data set")
    memory.add_argument("source", metavar="SOURCE", help="what it was distilled from")
    memory.add_argument("--forecaster", action="append", help="this one; may be repeated")
    _add_json(memory)


def _add_runs(commands: Commands[argparse.ArgumentParser]) -> None:
    """What whole runs take."""
    driver = commands.add_parser("driver", help="what the driver does itself, beside its workers")
    driver.add_argument("--source", help="distil and evaluate this instead of simulated traffic")
    driver.add_argument("--workers", type=int, default=2, help="workers (default 2)")
    driver.add_argument("--rounds", type=int, default=2, help="rounds (default 2)")
    driver.add_argument(
        "--all", action="store_true", dest="all_forecasters", help="also evaluate all forecasters"
    )
    _add_json(driver)
    stream = commands.add_parser("stream", help="a series of 4 GB, read block by block")
    stream.add_argument("--locations", type=int, default=10_000, help="(default 10000)")
    stream.add_argument("--steps", type=int, default=100_000, help="(default 100000)")
    stream.add_argument("--workers", type=int, default=2, help="workers (default 2)")
    stream.add_argument(
        "--set", action="append", default=[], dest="settings", help="NAME=VALUE, may be repeated"
    )
    _add_json(stream)
    tracking = commands.add_parser("tracking", help="what a tracking server that is away costs")
    tracking.add_argument("--source", help="distil this instead of 120 simulated locations")
    tracking.add_argument("--rounds", type=int, default=6, help="of each run (default 6)")
    tracking.add_argument("--repeats", type=int, default=5, help="turns (default 5)")
    _add_json(tracking)


def _add_scale(commands: Commands[argparse.ArgumentParser]) -> None:
    scale = commands.add_parser("scale", help="a model of runs on more workers than there are")
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
    _add_json(scale)


def _add_data_sets(commands: Commands[argparse.ArgumentParser]) -> None:
    """Errors of our own method."""
    datasets = commands.add_parser("datasets", help="distil and evaluate public data sets")
    datasets.add_argument("--data", type=Path, required=True, help="folder of the data files")
    datasets.add_argument("--only", action="append", help="this one; may be repeated")
    datasets.add_argument("--seeds", type=int, default=2, help="distillations each (default 2)")
    datasets.add_argument("--full-data", action="store_true", help="also train on all data")
    datasets.add_argument(
        "--set", action="append", default=[], dest="settings", help="NAME=VALUE, may be repeated"
    )
    datasets.add_argument("--out", type=Path, default=RESULTS, help=f"folder (default {RESULTS})")
    variants = commands.add_parser("variants", help="one setting changed at a time")
    variants.add_argument("set", choices=("ablation", "balance"), help="what is changed")
    variants.add_argument("--data", type=Path, required=True, help="folder of the data files")
    variants.add_argument("--only", action="append", required=True, help="data set; repeatable")
    variants.add_argument("--out", type=Path, default=RESULTS, help=f"folder (default {RESULTS})")


def _add_methods(commands: Commands[argparse.ArgumentParser]) -> None:
    """All methods, and the pages that are made of results."""
    methods = commands.add_parser("methods", help="all methods on data sets, under one protocol")
    methods.add_argument("--config", type=Path, required=True, help="YAML file of what to compare")
    methods.add_argument("--out", type=Path, required=True, help="folder; known cells are kept")
    methods.add_argument("--workers", type=int, default=0, help="processes (default 0: this one)")
    methods.add_argument("--no-track", action="store_true", help="leave MLflow out")
    methods.add_argument("--data", type=Path, help="folder that relative sources count from")
    methods.add_argument("--publish", help=f"also write tables to {RESULTS} under this name")
    commands.add_parser("claims", help=f"make {RESULTS}/README.md of published tables")
    commands.add_parser("tables", help="make the tables of jobs/README.md anew")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", type=Path, help="also write the figures to this file")
