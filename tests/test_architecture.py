"""Imports point one way; heavy packages stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PACKAGE = ROOT / "stemdist_ray"
# A module imports from its own line and from those above it.
LAYERS = [
    {"errors", "registry", "seeding", "progress"},
    {"config"},
    {"system"},
    {"data"},
    {"clustering"},
    {"forecasters"},
    {"evaluation"},
    {"training"},
    {"execution"},
    {"distillation"},
    {"baselines"},
    {"comparison"},
    {"artifact"},
    {"tracking"},
    {"report"},
    {"pipeline"},
    {"sweeps"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules():
    return [p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__"]


def layer_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def test_every_module_has_a_layer():
    assert {layer_of(p) for p in modules()} <= set(RANK)


def test_imports_point_one_way():
    wrong = []
    for path in modules():
        for name in imports(path):
            parts = name.split(".")
            if (
                parts[0] == "stemdist_ray"
                and len(parts) > 1
                and RANK[parts[1]] > RANK[layer_of(path)]
            ):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_ray_and_mlflow_stay_in_their_places():
    wrong = []
    for path in modules():
        for name in imports(path):
            top, home = name.split(".")[0], layer_of(path)
            if (top == "ray" and home not in ("execution", "sweeps")) or (
                top == "mlflow" and home != "tracking"
            ):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_every_module_has_a_test_at_the_mirrored_path():
    missing = []
    for path in modules():
        relative = path.relative_to(PACKAGE)
        mirror = ROOT / "tests" / relative.parent / f"test_{relative.name}"
        if path.name not in ("__init__.py", "__main__.py") and not mirror.exists():
            missing.append(str(Path("tests") / relative.parent / mirror.name))
    assert missing == []


def test_few_modules_are_loose():
    loose = {p.stem for p in PACKAGE.glob("*.py")} - {"__init__"}
    assert loose == LAYERS[0]


def test_files_and_functions_stay_small():
    """A file rarely passes 300 lines and a function rarely 60; commands are lists of options."""
    long_files, long_functions = [], []
    for path in modules():
        text = path.read_text()
        if len(text.splitlines()) > 320:
            long_files.append(str(path.relative_to(ROOT)))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > 75:
                long_functions.append(f"{path.relative_to(PACKAGE)}: {node.name}")
    assert long_files == []
    assert all(name.startswith("cli/") for name in long_functions), long_functions


def test_the_core_imports_no_optional_package():
    optional = ("tables", "h5py", "h5netcdf", "xarray", "zarr", "optuna", "matplotlib", "jinja2")
    names = [
        "stemdist_ray." + ".".join(p.relative_to(PACKAGE).with_suffix("").parts)
        for p in modules()
        if p.name not in ("__init__.py", "__main__.py")
        # These are imported where their packages were found to be installed.
        and not str(p.relative_to(PACKAGE)).startswith("report/")
        and p.stem not in ("gridded", "experiment", "callback", "served_model", "ray_train")
    ]
    code = (
        "import sys, importlib\n"
        f"sys.modules.update(dict.fromkeys({optional!r}))\n"
        f"[importlib.import_module(name) for name in {names!r}]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
