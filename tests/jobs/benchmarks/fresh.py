"""Code in a process of its own: one that starts clusters, whose memory is looked at."""

import json
import subprocess
import sys

from tests.conftest import ROOT


def printed(code):
    """Run code in a fresh process; what the last line of its output holds, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
