"""The training job as people start it: a YAML file in, printed results out."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from stemdist_ray.jobs import YamlFile, say
from stemdist_ray.pipeline import TrainResult, train_forecaster
from stemdist_ray.pipeline.train_job import CHECKPOINTS, MODEL
from stemdist_ray.progress import console_reporter
from stemdist_ray.training.config import TrainConfig


class TrainFile(YamlFile):
    """What a YAML file of ``jobs/train.py`` holds.

    Args:
        source: SOURCE, the real series.
        out: Output folder.
        distilled: Folder of a distilled data set to train on; without it all train windows.
        register_as: Name in MLflow's model registry.
        resume: Go on where a checkpoint is found, start where none is.
        overwrite: Move a finished output folder aside.
        config: Settings of the training.
    """

    source: str
    out: Path
    distilled: Path | None = None
    register_as: str | None = None
    resume: bool = False
    overwrite: bool = False
    config: TrainConfig = TrainConfig()


def run_train(job: TrainFile, console: Console) -> TrainResult:
    """Run a training and print what it gave and how to go on."""
    with console_reporter(console) as reporter:
        result = train_forecaster(
            job.source,
            job.out,
            job.config,
            distilled=job.distilled,
            register_as=job.register_as,
            resume=job.resume and (job.out / CHECKPOINTS).exists(),
            overwrite=job.overwrite,
            reporter=reporter,
        )
    say(console, f"wrote {result.path / MODEL}")
    if result.model_uri is not None:
        say(console, f"registered as {result.model_uri}")
        say(console, f"next: mlflow models serve -m {shlex.quote(result.model_uri)}")
    return result
