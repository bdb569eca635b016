"""The sweep as people start it: settings in, printed results out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.console import Console

from stemdist_ray.jobs import YamlFile, say
from stemdist_ray.progress import console_reporter
from stemdist_ray.tables import sweep_table
from stemdist_ray.tuning.config import SearchConfig
from stemdist_ray.tuning.finish import SweepResult
from stemdist_ray.tuning.records import SweepStore
from stemdist_ray.tuning.sweep import SweepConfig, search


class TuneFile(YamlFile):
    """What a YAML file of ``tuning/`` holds.

    Args:
        source: SOURCE.
        out: Output folder of the sweep.
        preset: Preset of the trials.
        config: Settings of every trial that override the preset.
        search: What is searched, how, and for how long.
        resume: Go on where a sweep is found, start where none is.
        overwrite: Move a finished sweep aside.
    """

    source: str
    out: Path
    preset: str = "standard"
    config: dict[str, Any] = Field(default_factory=dict)
    search: SearchConfig = SearchConfig()
    resume: bool = False
    overwrite: bool = False


def run_tune(job: TuneFile, console: Console) -> SweepResult:
    """Run a sweep, print what it gave and how to look further or go on."""
    store = SweepStore(job.out)
    sweep = SweepConfig(preset=job.preset, config=job.config, search=job.search)
    try:
        with console_reporter(console) as reporter:
            result = search(
                job.source,
                job.out,
                sweep,
                resume=job.resume and store.exists(),
                overwrite=job.overwrite,
                reporter=reporter,
            )
    except KeyboardInterrupt:
        command = ["stemdist", "tune", job.source, "--out", str(job.out), "--resume"]
        known = store.exists()
        hint = f"go on with: {shlex.join(command)}" if known else "nothing to resume yet"
        say(console, f"interrupted; {hint}")
        raise
    console.print(sweep_table(result))
    folder = shlex.quote(str(job.out))
    say(console, f"wrote {job.out}: best data set in {job.out / 'best'}")
    say(console, "look further:")
    say(console, f"  stemdist report {folder}")
    say(console, f"  stemdist ui {shlex.quote(str(job.out.parent))}")
    return result
