"""What a result was made with: versions, hardware, commit."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil
import torch

_PACKAGES = ("stemdist-ray", "torch", "ray", "numpy", "pyarrow", "scikit-learn", "mlflow")


def package_versions() -> dict[str, str]:
    """Versions of Python and the packages that matter for a result."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def hardware() -> dict[str, str | int | float]:
    """Processor, cores, memory and GPUs of this machine."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu_count": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": ", ".join(gpus) or "none",
    }


def command_line() -> str:
    """What this process was started by, as a shell takes it, without the program's folder."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def git_commit() -> str | None:
    """Commit of the working directory, None outside a git checkout."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
