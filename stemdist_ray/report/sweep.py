"""A self-contained HTML page about a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.manifest import Manifest
from stemdist_ray.artifact.sweep_files import BEST, RESULTS
from stemdist_ray.errors import ArtifactError
from stemdist_ray.report import sweep_figures
from stemdist_ray.report.html import render, run_view, save_pictures
from stemdist_ray.system.files import write_text
from stemdist_ray.system.seal import read_sealed

_WHAT_TO_DO = "restore it, or write it again with stemdist tune --resume"
_COSTS = ("windows", "locations", "KiB", "train s", "distil s", "validation", "test")


def read_results(folder: Path) -> dict[str, Any]:
    """Read what a finished sweep found.

    Args:
        folder: Of the sweep.

    Raises:
        ArtifactError: The sweep is not finished, or the file is damaged.
    """
    try:
        return read_sealed(folder / RESULTS, _WHAT_TO_DO, unsealed=(None,))
    except FileNotFoundError:
        raise ArtifactError(
            f"{folder}: the sweep is not finished; go on with stemdist tune and resume=True"
        ) from None


def write_sweep_report(folder: Path, output: Path | None = None) -> Path:
    """Write the report of a finished sweep, and its figures as SVG and PNG in ``figures/``.

    Args:
        folder: Of the sweep.
        output: HTML file; ``report.html`` in the folder when None.

    Raises:
        ArtifactError: The sweep is not finished, or a file is damaged.
    """
    tree = read_results(folder)
    if tree.get("kind") == "models":
        raise ArtifactError(
            f"{folder} is a search for models, which has no report: its table is trials.csv, the "
            "trained model is in winner"
        )
    try:
        trials, inside = tree["trials"], set(tree["front"])
        by_id = {t["id"]: t for t in trials}
        best_number = by_id[tree["best"]]["number"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder / RESULTS} is damaged: {error!r}; {_WHAT_TO_DO}") from error
    pictures = [
        sweep_figures.front(trials, inside, tree["objectives"]),
        sweep_figures.ratios(trials, inside),
        sweep_figures.progress(trials),
    ]
    best = run_view(folder / BEST)
    save_pictures(folder / "figures", [*pictures, *best["pictures"]])
    names = sorted({name for trial in trials for name in trial["point"]})
    view = {
        **best,
        "source": tree["source"],
        "headline": _headline(tree, by_id, best["manifest"]),
        "best_number": best_number,
        "sweep_pictures": pictures,
        "objectives": ", ".join(tree["objectives"][1:]) or "nothing else",
        "front_head": ["trial", *names, *_COSTS],
        "front_rows": [_row(by_id[i], names) for i in tree["front"]],
        "trial_head": ["trial", *names, *_COSTS, "state"],
        "trial_rows": [[*_row(t, names), _state(t)] for t in trials],
        "failed": sum(t["status"] == "failed" for t in trials),
        "seconds": f"{sum(t['metrics'].get('seconds', 0.0) for t in trials):.0f}",
    }
    target = output or folder / "report.html"
    write_text(target, render("sweep.html.j2", view))
    return target


def _row(trial: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    metrics, test = trial["metrics"], trial["test"]
    settings = [_text(trial["point"].get(name)) for name in names]
    if not metrics:
        return [str(trial["number"]), *settings, *[""] * len(_COSTS)]
    return [
        str(trial["number"]),
        *settings,
        f"{metrics['windows']:.0f}",
        f"{metrics['locations']:.0f}",
        f"{metrics['bytes'] / 1024:.1f}",
        _seconds(metrics["train_seconds"]),
        _seconds(metrics["seconds"]),
        f"{metrics['error']:.3f}",
        "" if test is None else f"{test['mean']:.3f} ± {test['std']:.3f}",
    ]


def _state(trial: Mapping[str, Any]) -> str:
    if trial["status"] == "failed":
        return f"failed: {trial['reason']}"
    return "stopped early" if trial["status"] == "stopped" else str(trial["status"])


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _seconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f}"


def _headline(
    tree: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]], manifest: Manifest
) -> str:
    best = by_id[tree["best"]]
    real = manifest.size.real_bytes
    text = (
        f"{len(by_id)} ways to shrink {tree['source']['name']} were tried. The best one keeps "
        f"{best['metrics']['windows']:.0f} windows x {best['metrics']['locations']:.0f} locations, "
        f"{real / best['metrics']['bytes']:,.0f} times smaller than the train windows, at a "
        f"validation relative RMSE of {best['metrics']['error']:.3f}"
    )
    if best["test"] is not None:
        text += f" (test {best['test']['mean']:.3f} ± {best['test']['std']:.3f})"
    smallest = min((by_id[i] for i in tree["front"]), key=lambda t: t["metrics"]["bytes"])
    if smallest["id"] != best["id"]:
        text += (
            f"; {real / smallest['metrics']['bytes']:,.0f} times smaller costs an error of "
            f"{smallest['metrics']['error']:.3f}"
        )
    return text + "."
