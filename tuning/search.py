r"""Search compression ratios and settings as a Ray job.

ray job submit --working-dir . -- python tuning/search.py --config tuning/configs/ratios.yaml \
  --out "$PWD/runs/ratios"
"""

from __future__ import annotations

import sys
from pathlib import Path

# The job's working directory holds the package; it need not be installed on the cluster.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stemdist_ray.cli.entry import job_process, parse_options


def main() -> None:
    """Parse, build, run."""
    with job_process():
        tree, console = parse_options(__doc__ or "")
        from stemdist_ray.cli.files import TuneFile
        from stemdist_ray.cli.tune_jobs import run_tune

        run_tune(TuneFile.parse(tree), console)


if __name__ == "__main__":
    main()
