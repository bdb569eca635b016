"""The training as people start it: settings in, printed results out."""

from __future__ import annotations

import shlex

from rich.console import Console

from stemdist_ray.cli.files import TrainFile
from stemdist_ray.cli.outputs import check_outputs, check_stays, say
from stemdist_ray.config.secrets import redact
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import TrainResult, train_forecaster
from stemdist_ray.pipeline.train_job import MODEL, has_training
from stemdist_ray.progress import console_reporter
from stemdist_ray.tracking.mlflow import tracking_uri


def run_train(job: TrainFile, console: Console) -> TrainResult:
    """Run a training and print what it gave and how to go on."""
    check_outputs(out=job.out)
    check_stays(distilled=job.distilled)
    if job.distilled is not None and "data" in job.config.model_fields_set:
        raise ConfigError(
            f"the data settings of a training on {job.distilled} are those of that data set; leave "
            f"out {', '.join(f'data.{name}' for name in sorted(job.config.data.model_fields_set))}"
        )
    try:
        with console_reporter(console) as reporter:
            result = train_forecaster(
                job.source,
                job.out,
                job.config,
                distilled=job.distilled,
                register_as=job.register_as,
                resume=job.resume,
                overwrite=job.overwrite,
                reporter=reporter,
            )
    except KeyboardInterrupt:
        again = "the same command and --resume goes on (in a job file, resume: true)"
        anew = "nothing to resume yet; the same command starts anew"
        say(console, f"interrupted; {again if has_training(job.out) else anew}")
        raise
    say(console, f"wrote {result.path / MODEL}")
    if result.model_uri is not None:
        say(console, f"registered as {result.model_uri}")
        # The registry is that of the run; its packages are those of this environment.
        say(
            console,
            f"next: MLFLOW_TRACKING_URI={shlex.quote(_store(job))} mlflow models serve "
            f"-m {shlex.quote(result.model_uri)} --env-manager local",
        )
    return result


def _store(job: TrainFile) -> str:
    """Where the model is registered, without passwords."""
    return redact(tracking_uri(job.config.tracking, job.out.parent))
