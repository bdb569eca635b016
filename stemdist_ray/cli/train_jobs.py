"""The training as people start it: settings in, printed results out."""

from __future__ import annotations

import shlex

from rich.console import Console

from stemdist_ray.cli.files import TrainFile
from stemdist_ray.cli.outputs import check_outputs, check_stays, say
from stemdist_ray.pipeline import TrainResult, train_forecaster
from stemdist_ray.pipeline.train_job import CHECKPOINTS, MODEL
from stemdist_ray.progress import console_reporter


def run_train(job: TrainFile, console: Console) -> TrainResult:
    """Run a training and print what it gave and how to go on."""
    check_outputs(out=job.out)
    check_stays(distilled=job.distilled)
    checkpoints = job.out / CHECKPOINTS
    try:
        with console_reporter(console) as reporter:
            result = train_forecaster(
                job.source,
                job.out,
                job.config,
                distilled=job.distilled,
                register_as=job.register_as,
                resume=job.resume and checkpoints.exists(),
                overwrite=job.overwrite,
                reporter=reporter,
            )
    except KeyboardInterrupt:
        begun = checkpoints.exists() and any(checkpoints.iterdir())
        again = "go on with the same command and --resume (in a job file, resume: true)"
        say(console, f"interrupted; {again if begun else 'nothing to resume yet'}")
        raise
    say(console, f"wrote {result.path / MODEL}")
    if result.model_uri is not None:
        say(console, f"registered as {result.model_uri}")
        say(console, f"next: mlflow models serve -m {shlex.quote(result.model_uri)}")
    return result
