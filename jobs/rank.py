r"""Rank configurations by a distilled data set as a Ray job.

ray job submit --working-dir . -- python jobs/rank.py --config jobs/configs/rank.yaml \
  --out "$PWD/runs/demo"
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
        from stemdist_ray.cli.files import RankFile
        from stemdist_ray.cli.rank_jobs import run_rank

        run_rank(RankFile.parse(tree), console)


if __name__ == "__main__":
    main()
