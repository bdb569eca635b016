"""Hashes and licences of the pinned packages.

``make hashes`` writes infra/requirements-hashed.txt, from what pip resolves with constraints.txt;
``make licenses`` writes infra/licenses.md, from what is installed in .venv.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
# Longer texts are whole licences, put where a name belongs.
LONGEST_NAME = 60


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    """Versions of constraints.txt by normal name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {normal(name): version for name, version in pairs}


def hashed(report: Mapping[str, Any]) -> str:
    """A requirements file with the sha256 of every file that pip chose.

    Args:
        report: What ``pip install --dry-run --report`` writes.

    Raises:
        SystemExit: A package is not pinned by constraints.txt, or has no hash.
    """
    wanted, lines = pins(), []
    for entry in report["install"]:
        name, version = normal(entry["metadata"]["name"]), entry["metadata"]["version"]
        if name == "stemdist-ray":
            continue
        if wanted.get(name) != version.split("+")[0]:
            sys.exit(f"{name} {version}: constraints.txt pins {wanted.get(name, 'nothing')}")
        sha256 = entry["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if sha256 is None:
            sys.exit(f"{name} {version}: pip reports no sha256; install it from an index")
        lines.append(f"{name}=={version} --hash=sha256:{sha256}")
    head = (
        "# Written by `make hashes`. The very files, for Python 3.11 on Linux (x86-64):\n"
        "#   python -m pip install --require-hashes -r infra/requirements-hashed.txt\n"
        "# then the package itself: python -m pip install --no-deps .\n"
        "# PyTorch's CPU build, which is on its own index only.\n"
        "--extra-index-url https://download.pytorch.org/whl/cpu\n"
    )
    return head + "\n".join(sorted(lines)) + "\n"


def license_of(package: Distribution) -> str:
    """The licence that a package states: SPDX expression, else classifiers, else free text."""
    stated = package.metadata
    if "License-Expression" in stated:
        return str(stated["License-Expression"])
    prefix = "License :: "
    names = [
        c.split(" :: ")[-1] for c in stated.get_all("Classifier") or [] if c.startswith(prefix)
    ]
    names = [name for name in names if name != "OSI Approved"]
    text = str(stated["License"]).strip() if "License" in stated else ""
    if names:
        return ", ".join(dict.fromkeys(names))
    if text and len(text) <= LONGEST_NAME and "\n" not in text:
        return text
    first = text.splitlines()[0].strip() if text else ""
    return first[:LONGEST_NAME] or "not stated"


def rows() -> Iterator[tuple[str, str, str]]:
    """Name, version and licence of every pinned package that is installed."""
    installed = {normal(package.metadata["Name"]): package for package in distributions()}
    for name, version in sorted(pins().items()):
        if name in installed:
            yield name, version, license_of(installed[name])


def licenses() -> str:
    """A page with the licence of every pinned package that is installed."""
    table = [f"| {name} | {version} | {what} |" for name, version, what in rows()]
    return (
        "# Licences\n\n"
        "Written by `make licenses`: what the packages that `constraints.txt` pins state of "
        "themselves. This project: Apache-2.0.\n\n"
        "| package | version | licence |\n|---|---|---|\n" + "\n".join(table) + "\n"
    )


def main() -> None:
    """Write the file that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["hashes", "licenses"])
    parser.add_argument("report", nargs="?", type=Path, help="report of pip, for hashes")
    asked = parser.parse_args()
    if asked.what == "licenses":
        (HERE / "licenses.md").write_text(licenses())
    elif asked.report is None:
        parser.error("hashes need the report that pip install --dry-run --report wrote")
    else:
        (HERE / "requirements-hashed.txt").write_text(hashed(json.loads(asked.report.read_text())))


if __name__ == "__main__":
    main()
