"""``stemdist demo``: the whole way once, in one process and on one Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stemdist_ray.cli.options import OverwriteOption, TrackingOption, drop_unset
from stemdist_ray.progress import output_console


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the distilled data set.")] = Path(
        "runs/demo"
    ),
    workers: Annotated[
        int, typer.Option(min=0, help="Ray actors that compute; 0 = serial, no Ray.")
    ] = 2,
    overwrite: OverwriteOption = False,
    tracking_uri: TrackingOption = None,
) -> None:
    """Distil the embedded demo data, evaluate the result, and write its report."""
    # Torch, MLflow and Ray take seconds to load; --help needs none of them.
    from stemdist_ray.cli.jobs import DistillJob, EvaluateJob, run_distill, run_evaluate
    from stemdist_ray.execution.select import open_executor
    from stemdist_ray.pipeline.folders import check_folder
    from stemdist_ray.pipeline.report_job import need_report_packages
    from stemdist_ray.pipeline.report_job import report as write_report

    need_report_packages()
    console = output_console()
    flags = {
        "num_shards": 4,
        "worker": {"num_workers": workers},
        "tracking": {"uri": tracking_uri},
    }
    distil = DistillJob("demo", out, "demo", (drop_unset(flags),), overwrite=overwrite)
    check_folder(out, resume=False, overwrite=overwrite)  # before Ray is started
    with open_executor(None, distil.config().worker, workers) as executor:
        run_distill(distil, console, executor)
        run_evaluate(EvaluateJob(out, "demo"), console, executor)
    typer.echo(f"wrote {write_report(out)}")
