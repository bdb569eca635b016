"""Imports point one way; heavy packages stay where they belong."""

import ast
from pathlib import Path

from tests.conftest import ROOT

PACKAGE = ROOT / "stemdist_ray"
LAYERS = [
    {
        "errors",
        "config",
        "seeding",
        "registry",
        "files",
        "memory",
        "progress",
        "environment",
        "yaml_files",
        "stages",
        "threads",
    },
    {"data"},
    {"clustering", "forecasters"},
    {"distillation"},
    {"evaluation"},
    {"training"},
    {"execution"},
    {"artifact", "tracking", "report"},
    {"pipeline"},
    {"tables", "benchmark", "tuning"},
    {"jobs", "train_jobs", "tune_jobs", "exits"},
    {"cli_options"},
    {"cli_tune"},
    {"cli", "entry"},
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
            if (top == "ray" and home not in ("execution", "tuning")) or (
                top == "mlflow" and home != "tracking"
            ):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_every_module_has_a_test_at_the_mirrored_path():
    missing = []
    for path in modules():
        relative = path.relative_to(PACKAGE)
        mirror = ROOT / "tests" / relative.parent / f"test_{relative.name}"
        if path.name != "__init__.py" and not mirror.exists():
            missing.append(str(Path("tests") / relative.parent / mirror.name))
    assert missing == []
