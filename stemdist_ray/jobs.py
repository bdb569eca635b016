"""Whole jobs as people start them: layers of settings in, printed results out.

The command line and the scripts in ``jobs/`` share this; it is the only place
that turns an interruption into a resume command.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console

from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.config import DistillConfig, build_config, describe_validation_error, merge_layers
from stemdist_ray.errors import ConfigError
from stemdist_ray.files import write_csv, write_json
from stemdist_ray.pipeline import (
    CrossEvaluation,
    DistillResult,
    EvaluationResult,
    distill,
    evaluate,
    evaluate_forecasters,
)
from stemdist_ray.progress import console_reporter
from stemdist_ray.tables import cross_table, evaluation_table


@dataclass(frozen=True)
class DistillJob:
    """A distillation as asked for.

    Args:
        source: SOURCE.
        out: Output folder.
        preset: Settings to start from; ignored when resuming.
        layers: Overriding settings, later ones win.
        resume: Go on from the checkpoint.
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
            ArtifactError: There is nothing to resume.
        """
        if self.resume:
            tree = CheckpointStore(self.out).describe()["config"]
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


class YamlFile(BaseModel):
    """Base of what the YAML files of jobs hold; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, tree: Mapping[str, Any]) -> Self:
        """Check a YAML tree.

        Raises:
            ConfigError: All problems, on one line.
        """
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise ConfigError(describe_validation_error(error)) from error


class JobFile(YamlFile):
    """What the YAML files of ``jobs/`` hold.

    Args:
        source: SOURCE.
        out: Output folder of distill, input folder of evaluate.
        preset: Settings to start from.
        config: Settings that override the preset.
        resume: Go on where a checkpoint is found, start where none is.
        overwrite: Move a finished output folder aside.
        forecasters: For evaluate: several evaluators, or ["all"].
        full_data: For evaluate: also train on all data.
        json_file: For evaluate: where to write the table.
        csv_file: For evaluate: where to write the table of several evaluators as CSV.
    """

    source: str
    out: Path
    preset: str = "standard"
    config: dict[str, Any] = {}
    resume: bool = False
    overwrite: bool = False
    forecasters: tuple[str, ...] | None = None
    full_data: bool = False
    json_file: Path | None = None
    csv_file: Path | None = None

    def distill_job(self) -> DistillJob:
        """The distillation it describes."""
        resume = self.resume and CheckpointStore(self.out).exists()
        return DistillJob(
            source=self.source,
            out=self.out,
            preset=self.preset,
            layers=(self.config,),
            resume=resume,
            overwrite=self.overwrite,
        )

    def evaluate_job(self) -> EvaluateJob:
        """The evaluation it describes; the artifact's settings hold unless overridden."""
        names = ("evaluation", "forecaster", "tracking", "worker", "seed")
        layer = {name: self.config[name] for name in names if name in self.config}
        return EvaluateJob(
            folder=self.out,
            source=self.source,
            layers=(layer,),
            forecasters=self.forecasters,
            full_data=self.full_data,
            json_file=self.json_file,
            csv_file=self.csv_file,
        )


def run_distill(job: DistillJob, console: Console) -> DistillResult:
    """Run a distillation, print what it gave and how to go on."""
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
            )
    except KeyboardInterrupt:
        _say_how_to_resume(job, console)
        raise
    size = result.dataset.manifest["size"]
    smaller = size["real_bytes"] / size["bytes"]
    say(
        console,
        f"wrote {result.path}: {size['windows']} windows x {size['locations']} locations, "
        f"{smaller:,.0f}x smaller than the train windows; round {result.best_round} kept, "
        f"validation relative RMSE {result.best_validation:.4f}; "
        f"{time.perf_counter() - begun:.0f} s",
    )
    folder, source = shlex.quote(str(job.out)), shlex.quote(job.source)
    say(console, f"next: stemdist evaluate {folder} {source}")
    return result


def run_evaluate(job: EvaluateJob, console: Console) -> EvaluationResult | CrossEvaluation:
    """Run an evaluation and print its table."""
    if job.csv_file is not None and job.forecasters is None:
        raise ConfigError(
            "a CSV file holds the table of several forecasters; name them, or give 'all'"
        )
    dataset = SyntheticDataset.load(job.folder)
    config = _evaluation_config(dataset, job.layers)
    target = dataset.manifest["target"]
    result: EvaluationResult | CrossEvaluation
    with console_reporter(console) as reporter:
        if job.forecasters is None:
            result = evaluate(
                job.folder, job.source, config, full_data=job.full_data, reporter=reporter
            )
            table = evaluation_table(result, target["name"], target["unit"])
        else:
            result = evaluate_forecasters(
                job.folder,
                job.source,
                None if job.forecasters == ("all",) else job.forecasters,
                config,
                full_data=job.full_data,
                reporter=reporter,
            )
            table = cross_table(result, target["name"], target["unit"])
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
    """The artifact's settings under those of the evaluation."""
    tree = merge_layers(dataset.manifest["config"], *layers)
    if tree["forecaster"]["name"] != dataset.config.forecaster.name:
        # The surrogate's options say nothing about another forecaster.
        given = merge_layers(*layers).get("forecaster", {})
        tree = merge_layers(tree, {"forecaster": {"options": given.get("options", {})}})
    return build_config("standard", tree)


def _say_how_to_resume(job: DistillJob, console: Console) -> None:
    if not CheckpointStore(job.out).exists():
        say(console, "interrupted before the first checkpoint; nothing to resume")
        return
    command = ["stemdist", "distill", job.source, "--out", str(job.out), "--resume"]
    say(console, f"interrupted; go on with: {shlex.join(command)}")


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no cutting."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
