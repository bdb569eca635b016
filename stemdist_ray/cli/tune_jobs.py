"""The sweep as people start it: settings in, printed results out."""

from __future__ import annotations

import shlex

from rich.console import Console

from stemdist_ray.cli.files import TuneFile
from stemdist_ray.cli.outputs import check_outputs, check_stays, say
from stemdist_ray.cli.tables import model_table, sweep_table
from stemdist_ray.pipeline import TrainResult
from stemdist_ray.pipeline.train_job import MODEL
from stemdist_ray.progress import console_reporter
from stemdist_ray.sweeps.finish import SweepResult
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.sweep import SweepConfig, search


def run_tune(job: TuneFile, console: Console) -> SweepResult:
    """Run a sweep, print what it gave and how to look further or go on."""
    check_outputs(out=job.out)
    if job.models is not None:
        check_stays(**{"models.distilled": job.models.distilled})
    store = SweepStore(job.out)
    # What was not given counts as such: a sweep that is gone on with takes it from its folder.
    given = SweepConfig.model_fields.keys() & job.model_fields_set
    sweep = SweepConfig(**{name: getattr(job, name) for name in given})
    try:
        with console_reporter(console) as reporter:
            result = search(
                job.source,
                job.out,
                sweep,
                resume=job.resume,
                overwrite=job.overwrite,
                reporter=reporter,
            )
    except KeyboardInterrupt:
        command = ["stemdist", "tune", job.source, "--out", str(job.out), "--resume"]
        known = store.exists()
        hint = f"go on with: {shlex.join(command)}" if known else "nothing to resume yet"
        say(console, f"interrupted; {hint}")
        raise
    if result.trained is not None:
        _say_winner(result, result.trained, console)
        return result
    console.print(sweep_table(result))
    folder = shlex.quote(str(job.out))
    say(console, f"wrote {job.out}: best data set in {job.out / 'best'}")
    say(console, "look further:")
    say(console, f"  stemdist report {folder}")
    say(console, f"  stemdist ui {shlex.quote(str(job.out.parent))}")
    return result


def _say_winner(result: SweepResult, trained: TrainResult, console: Console) -> None:
    """What a search for models gave."""
    console.print(model_table(result))
    say(
        console,
        f"wrote {trained.path / MODEL}, trained on everything: validation "
        f"{trained.validation:.4f}, test relative RMSE {trained.test.relative_rmse:.4f}",
    )
    if trained.model_uri is not None:
        say(console, f"registered as {trained.model_uri}")
