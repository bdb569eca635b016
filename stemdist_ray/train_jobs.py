"""The training job as people start it: a YAML file in, printed results out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console

from stemdist_ray.config import describe_validation_error
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import TrainResult, train_forecaster
from stemdist_ray.progress import console_reporter
from stemdist_ray.training.config import TrainConfig


class TrainFile(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    out: Path
    distilled: Path | None = None
    register_as: str | None = None
    resume: bool = False
    overwrite: bool = False
    config: TrainConfig = TrainConfig()

    @classmethod
    def parse(cls, tree: Mapping[str, Any]) -> TrainFile:
        """Check a YAML tree.

        Raises:
            ConfigError: All problems, on one line.
        """
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise ConfigError(describe_validation_error(error)) from error


def run_train(job: TrainFile, console: Console) -> TrainResult:
    """Run a training and print what it gave and how to go on."""
    with console_reporter(console) as reporter:
        result = train_forecaster(
            job.source,
            job.out,
            job.config,
            distilled=job.distilled,
            register_as=job.register_as,
            resume=job.resume and (job.out / "checkpoints").exists(),
            overwrite=job.overwrite,
            reporter=reporter,
        )
    _say(console, f"wrote {result.path / 'model'}")
    if result.model_uri is not None:
        _say(console, f"registered as {result.model_uri}")
        _say(console, f"next: mlflow models serve -m {shlex.quote(result.model_uri)}")
    return result


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
