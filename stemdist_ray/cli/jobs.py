"""Distilling and evaluating as people start them: layers of settings in, printed results out.

The command line and the scripts in ``jobs/`` share this; it is the only place that turns an
interruption of theirs into a resume command.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.cli.outputs import check_files, check_outputs, say
from stemdist_ray.cli.tables import cross_table, evaluation_table
from stemdist_ray.comparison.table import CrossEvaluation, Evaluation
from stemdist_ray.config import DistillConfig, build_config, merge_layers
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.pipeline import DistillResult, distill, evaluate, evaluate_forecasters
from stemdist_ray.progress import console_reporter
from stemdist_ray.system.files import write_csv, write_json


@dataclass(frozen=True)
class DistillJob:
    """A distillation as asked for.

    Args:
        source: SOURCE.
        out: Output folder.
        preset: Settings to start from; when resuming, those of the checkpoint are.
        layers: Overriding settings, later ones win.
        resume: Go on from the checkpoint, start where there is none yet.
        overwrite: Move an existing folder aside.
    """

    source: str
    out: Path
    preset: str = "standard"
    layers: tuple[Mapping[str, Any], ...] = ()
    resume: bool = False
    overwrite: bool = False

    def config(self) -> DistillConfig:
        """Build the configuration: of the checkpoint when resuming, else of the preset.

        Raises:
            ConfigError: Unknown or unsuitable settings.
            ArtifactError: The checkpoint is damaged.
        """
        if self.resume and CheckpointStore(self.out).exists():
            build_config(self.preset)  # a name that does not exist is a mistake here, too
            tree = CheckpointStore(self.out).config().model_dump(mode="json")
            return build_config("standard", tree, *self.layers)
        return build_config(self.preset, *self.layers)


@dataclass(frozen=True)
class EvaluateJob:
    """An evaluation as asked for.

    Args:
        folder: Artifact.
        source: SOURCE.
        layers: Settings that override the artifact's.
        forecasters: Several evaluators, by name; ("all",) = every registered one; None = the
            one that the settings name.
        full_data: Also train on all data.
        json_file: Where to write the table, besides the artifact.
        csv_file: Where to write the table of several evaluators as CSV.
    """

    folder: Path
    source: str
    layers: tuple[Mapping[str, Any], ...] = ()
    forecasters: tuple[str, ...] | None = None
    full_data: bool = False
    json_file: Path | None = None
    csv_file: Path | None = None


_EVALUATION_SETTINGS = ("evaluation", "forecaster", "streaming", "tracking", "worker", "seed")


def evaluation_layer(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some settings that an evaluation uses; the others are the artifact's own."""
    return {name: settings[name] for name in _EVALUATION_SETTINGS if name in settings}


def run_distill(
    job: DistillJob, console: Console, executor: Executor | None = None
) -> DistillResult:
    """Run a distillation, print what it gave and how to go on; see :func:`pipeline.distill`."""
    check_outputs(out=job.out)
    config, begun = job.config(), time.perf_counter()
    try:
        with console_reporter(console) as reporter:
            result = distill(
                job.source,
                job.out,
                config,
                resume=job.resume,
                overwrite=job.overwrite,
                reporter=reporter,
                executor=executor,
            )
    except KeyboardInterrupt:
        _say_how_to_resume(job, console)
        raise
    size = result.dataset.manifest.size
    smaller = size.real_bytes / size.total_bytes
    say(
        console,
        f"wrote {result.path}: {size.windows} windows x {size.locations} locations, "
        f"{smaller:,.0f}x smaller than the train windows; round {result.best_round} kept, "
        f"validation relative RMSE {result.best_validation:.4f}; "
        f"{time.perf_counter() - begun:.0f} s",
    )
    folder, source = shlex.quote(str(job.out)), shlex.quote(job.source)
    say(console, f"next: stemdist evaluate {folder} {source}")
    return result


def run_evaluate(
    job: EvaluateJob, console: Console, executor: Executor | None = None
) -> Evaluation | CrossEvaluation:
    """Run an evaluation and print its table."""
    if job.csv_file is not None and job.forecasters is None:
        raise ConfigError(
            "a CSV file holds the table of several forecasters; name them, or give 'all'"
        )
    check_outputs(out=job.folder, json_file=job.json_file, csv_file=job.csv_file)
    check_files(json_file=job.json_file, csv_file=job.csv_file)
    dataset = SyntheticDataset.load(job.folder)
    config = _evaluation_config(dataset, job.layers)
    target = dataset.manifest.target
    result: Evaluation | CrossEvaluation
    with console_reporter(console) as reporter:
        if job.forecasters is None:
            result = evaluate(
                job.folder,
                job.source,
                config,
                full_data=job.full_data,
                reporter=reporter,
                executor=executor,
            )
            table = evaluation_table(result, target.name, target.unit)
        else:
            result = evaluate_forecasters(
                job.folder,
                job.source,
                None if job.forecasters == ("all",) else job.forecasters,
                config,
                full_data=job.full_data,
                reporter=reporter,
                executor=executor,
            )
            table = cross_table(result, target.name, target.unit)
            if job.csv_file is not None:
                write_csv(job.csv_file, result.to_records())
    if job.json_file is not None:
        write_json(job.json_file, result.to_json())
    console.print(table)
    runs = job.folder.absolute().parent
    runs = runs.relative_to(Path.cwd()) if runs.is_relative_to(Path.cwd()) else runs
    say(console, "look further:")
    say(console, f"  stemdist report {shlex.quote(str(job.folder))}")
    say(console, f"  stemdist ui {shlex.quote(str(runs))}")
    return result


def _evaluation_config(
    dataset: SyntheticDataset, layers: tuple[Mapping[str, Any], ...]
) -> DistillConfig:
    """The artifact's settings under those of the evaluation.

    Raises:
        ConfigError: A setting is unknown, or one that an evaluation does not use.
    """
    given = merge_layers(*layers)
    own = dataset.config
    tree = merge_layers(own.model_dump(mode="json"), given)
    config = build_config("standard", tree)
    if config.forecaster.name != own.forecaster.name:
        # The surrogate's options say nothing about another forecaster.
        options = given["forecaster"].get("options", {})
        config = build_config("standard", tree, {"forecaster": {"options": options}})
    unused = sorted(set(given) - set(_EVALUATION_SETTINGS))
    if unused:
        raise ConfigError(
            f"an evaluation takes settings of {', '.join(_EVALUATION_SETTINGS)}; found "
            f"{', '.join(unused)}, which are those of the data set; leave them out"
        )
    return config


def _say_how_to_resume(job: DistillJob, console: Console) -> None:
    if not CheckpointStore(job.out).exists():
        say(console, "interrupted before the first checkpoint; the same command starts anew")
        return
    command = ["stemdist", "distill", job.source, "--out", str(job.out), "--resume"]
    say(console, f"interrupted; go on with: {shlex.join(command)}")
