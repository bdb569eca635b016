"""What is built and installed works without the checkout around it."""

import os
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import stemdist_ray
from tests.conftest import GOLDEN, ROOT


def run(command, folder):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False,
        cwd=folder, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the sources: building leaves files beside them."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stemdist_ray", folder / "stemdist_ray", ignore=unwanted)
    shutil.copytree(ROOT / "jobs", folder / "jobs", ignore=unwanted)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "out"], folder)
    (built,) = (folder / "out").glob("*.whl")
    return built


def environment_with(wheel, folder):
    """A fresh environment with the wheel; what it depends on is that of the running tests."""
    run([sys.executable, "-m", "venv", "--without-pip", folder], folder.parent)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    python = folder / "bin" / "python"
    run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], folder)
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return folder / "bin"


def test_what_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    tops = {name.split("/")[0] for name in names}
    version = stemdist_ray.__version__
    assert tops == {"stemdist_ray", f"stemdist_ray-{version}.dist-info"}
    for name in ("py.typed", "report/report.html.j2", "cli/app.py", "baselines/rows/ridge.py"):
        assert f"stemdist_ray/{name}" in names
    assert not [name for name in names if "benchmark" in name]


def test_the_installed_command_works_anywhere(wheel, tmp_path):
    binaries = environment_with(wheel, tmp_path / "fresh")
    where = "import stemdist_ray; print(stemdist_ray.__file__)"
    assert Path(run([binaries / "python", "-c", where], tmp_path)).is_relative_to(tmp_path)
    assert "120 locations" in run([binaries / "stemdist", "describe", "demo"], tmp_path)
    shutil.copytree(GOLDEN / "artifact_v1", tmp_path / "old")
    run([binaries / "stemdist", "report", tmp_path / "old"], tmp_path)
    assert "<svg" in (tmp_path / "old" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_core_is_enough_without_extras(wheel, tmp_path):
    """With its own dependencies, from the package index."""
    folder = tmp_path / "core"
    run([sys.executable, "-m", "venv", folder], tmp_path)
    pip = [folder / "bin" / "pip", "--disable-pip-version-check", "--quiet", "install"]
    run([*pip, "-c", ROOT / "constraints.txt", "torch"], tmp_path)
    run([*pip, "-c", ROOT / "constraints.txt", wheel], tmp_path)
    assert "120 locations" in run([folder / "bin" / "stemdist", "describe", "demo"], tmp_path)
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    done = subprocess.run(
        [folder / "bin" / "stemdist", "describe", tmp_path / "x.h5"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'stemdist-ray[formats]'" in done.stderr
