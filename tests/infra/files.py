"""The deployment files, read."""

import copy
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

INFRA = ROOT / "infra"
KUBERNETES = INFRA / "kubernetes"
PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
)
OVERLAYS = ("cpu", "gpu", "job")
COMPONENTS = ("gpu", "tls", "gcs-fault-tolerance", "monitoring")


# The same language, read many times faster where PyYAML was built with libyaml.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _documents(text: str) -> list[Any]:
    return list(yaml.load_all(text, LOADER))


def load(path: Path) -> Any:
    (tree,) = copy.deepcopy(_documents(path.read_text()))
    return tree


def manifests() -> Iterator[dict[str, Any]]:
    """Every Kubernetes object of infra/kubernetes, as it is written; patches left out."""
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            for tree in copy.deepcopy(_documents(path.read_text())):
                if isinstance(tree, dict):
                    yield tree


@cache
def built(folder: Path) -> tuple[dict[str, Any], ...]:
    """What `kubectl kustomize` makes of a folder."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(_documents(done.stdout))
