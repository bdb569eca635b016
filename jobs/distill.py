r"""Distil a source as a Ray job.

ray job submit --working-dir . -- python jobs/distill.py --config jobs/configs/demo.yaml \
  --out "$PWD/runs/demo"
"""

from __future__ import annotations

import sys
from pathlib import Path

# The job's working directory holds the package; it need not be installed on the cluster.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stemdist_ray.cli.entry import job_process, read_job_file


def main() -> None:
    """Parse, build, run."""
    with job_process():
        job, console = read_job_file(__doc__ or "")
        from stemdist_ray.cli.jobs import run_distill

        run_distill(job.distill_job(), console)


if __name__ == "__main__":
    main()
