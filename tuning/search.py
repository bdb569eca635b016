"""Search compression ratios and settings as a Ray job.

ray job submit --working-dir . -- python tuning/search.py --config tuning/configs/ratios.yaml
"""

from __future__ import annotations

import sys
from pathlib import Path

# The job's working directory holds the package; it need not be installed on the cluster.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stemdist_ray.entry import parse_config_option
from stemdist_ray.exits import exit_codes, prepare_process


def main() -> None:
    """Parse, build, run."""
    prepare_process()
    with exit_codes():
        tree, console = parse_config_option(__doc__ or "")
        from stemdist_ray.tune_jobs import TuneFile, run_tune

        run_tune(TuneFile.parse(tree), console)


if __name__ == "__main__":
    main()
